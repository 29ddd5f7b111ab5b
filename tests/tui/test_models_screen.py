"""The models screen: every key, typed into the app, with servers of every kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway_core.model import CommandResult, LocalModel, LocalServer, PullStatus, Snapshot
from llmgw_tui.screens.local_model import LocalModelScreen
from llmgw_tui.screens.models import ModelsScreen
from llmgw_tui.screens.pull_question import PullQuestion
from llmgw_tui.screens.questions import Ask, Choose, Confirm
from tests.fakes import local, snapshots
from tests.tui.conftest import Stage, Staging
from tests.tui.test_text import is_harmless

NOW = snapshots.NOW
Server = Callable[[float], LocalServer]


def serving(server: LocalServer) -> Snapshot:
    return replace(snapshots.busy(), local=server)


def with_pulls() -> Snapshot:
    """Ollama with pulls that run, stall, failed and were interrupted."""
    return serving(replace(local.ollama(NOW), pulls=local.pulls(NOW)))


async def press(stage: Stage, *keys: str) -> None:
    for key in keys:
        await stage.press(key)
    await stage.settle()


def question(stage: Stage) -> str:
    """What the box in front says, on one line."""
    return " ".join(" ".join(re.findall(r"│ {2}(.*?) *│", line)) for line in stage.text.split("\n")).strip()


async def on_model(stage: Stage, name: str) -> None:
    """Opens the screen, and puts the cursor on a model by its name."""
    await press(stage, "m")
    screen = stage.app.screen
    assert isinstance(screen, ModelsScreen)
    await press(stage, "home")
    for _ in range(20):
        if screen.local_model == name:
            return
        await press(stage, "down")
    raise AssertionError(f"{name} is not listed:\n{stage.text}")


def _is_models(stage: Stage) -> bool:
    return isinstance(stage.app.screen, ModelsScreen)


async def test_m_shows_what_each_model_is_and_does(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "m")
        assert _is_models(stage)
        for words in (
            *("Ollama 0.32.15", "up", "5 models", "3 loaded, 11.6 GB"),
            *("memory 19.2 of 33.4 GB free", "VRAM 3.7 of 12.9 GB free", "RTX 4070", "disk 212 GB free"),
            *("qwen3:8b", "4:07", "5.2 GB", "70 %", "Q4_K_M", "8.2B", "32k/40k", "CTK", "41.3", "pinned", "N 63d"),
        ):
            assert words in stage.text, words
        assert " L  ● qwen3:8b" in stage.text and "0:31" in stage.text
        await press(stage, "m")
        assert stage.app.screen is stage.app.dashboard


async def test_a_model_serving_cheap_is_marked(staging: Staging) -> None:
    tiers = tuple(
        replace(tier, target="local/llama3.2:3b") if tier.name == "cheap" else tier for tier in snapshots.busy().tiers
    )
    async with staging(replace(snapshots.busy(), tiers=tiers)) as stage:
        await press(stage, "m")
        assert " C  ● llama3.2:3b" in stage.text


async def test_the_expiry_counts_down_with_the_clock(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "m")
        stage.app._clock.at += 7  # type: ignore[attr-defined]
        await stage.settle()
        assert "4:00" in stage.text and "0:24" in stage.text


async def test_enter_tells_everything_of_the_model_and_whether_it_fits(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.fits["qwen3:8b"] = local.fits("qwen3:8b")
        await on_model(stage, "qwen3:8b")
        await press(stage, "enter")
        assert isinstance(stage.app.screen, LocalModelScreen)
        for words in (
            *("K thinking", "32k in force, 40k trained, num_ctx 32,768 chosen", "frees 5.2 GB", "500a1f067a9f"),
            *("41.3 tokens/s over 214 answers", "up to date", "fits, partly on the GPU", "1 request in flight"),
        ):
            assert words in stage.text, words
        await press(stage, "y")
        assert stage.app.clipboard == "qwen3:8b"
        stage.source.current = serving(replace(local.ollama(NOW), models=()))
        await press(stage, "s", "escape")
        assert "This model is gone" in stage.text


async def test_l_loads_and_unloads_the_model_under_the_cursor_at_once(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await on_model(stage, "gemma3:12b")
        await press(stage, "l")
        assert stage.toasts == ["Loading gemma3:12b ...", "load: model gemma3:12b"]
        await on_model_again(stage, "qwen3:8b")
        await press(stage, "l")
        assert stage.ran == [("load", {"model": "gemma3:12b"}), ("unload", {"model": "qwen3:8b"})]
        assert stage.toasts[-1] == "unload: model qwen3:8b"


async def on_model_again(stage: Stage, name: str) -> None:
    screen = stage.app.screen
    assert isinstance(screen, ModelsScreen)
    await press(stage, "home")
    while screen.local_model != name:
        await press(stage, "down")


async def test_the_cursor_stays_on_its_model_while_the_list_moves(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await on_model(stage, "gemma3:12b")
        server = local.ollama(NOW)
        models = tuple(replace(one, loaded=one.name == "gemma3:12b") for one in server.models)
        stage.source.current = serving(replace(server, models=models))
        await stage.settle()
        await press(stage, "i")
        assert stage.ran == [("pin", {"model": "gemma3:12b"})]


async def test_i_pins_and_unpins(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await on_model(stage, "llama3.2:3b")
        assert "i unpin" in stage.text
        await press(stage, "i", "down")
        assert "i pin" in stage.text
        await press(stage, "i")
        assert [name for name, _ in stage.ran] == ["unpin", "pin"]


async def test_u_asks_with_another_key_and_unloads_all(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "m", "u")
        assert isinstance(stage.app.screen, Confirm)
        assert "all 3 loaded models" in question(stage) and "11.6 GB of memory" in question(stage)
        await press(stage, "u", "enter", "n")
        assert stage.ran == []
        await press(stage, "u", "y")
        assert stage.ran == [("unload_all", {})]


async def test_d_states_what_is_freed_and_asks_with_another_key(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await on_model(stage, "gemma3:12b")
        await press(stage, "d")
        assert isinstance(stage.app.screen, Confirm)
        assert "Delete gemma3:12b?" in stage.text and "frees 8.1 GB on disk" in stage.text
        await press(stage, "d", "enter", "escape")
        assert stage.ran == []
        await press(stage, "d", "y")
        assert stage.ran == [("delete_model", {"model": "gemma3:12b", "even_in_use": False})]


async def test_deleting_says_who_uses_it_and_who_keeps_the_weights(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await on_model(stage, "qwen3:8b")
        await press(stage, "d")
        assert "It answers 1 request" in question(stage) and "It serves LOCAL now" in question(stage)
        await press(stage, "y")
        assert stage.ran == [("delete_model", {"model": "qwen3:8b", "even_in_use": True})]
        await on_model_again(stage, "llama3.2:3b")
        await press(stage, "d")
        assert "frees nothing: llama3.2-8k:latest keeps the weights" in question(stage)


async def test_n_suggests_contexts_and_takes_a_number(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.fits["llama3.2:3b"] = local.fits("llama3.2:3b")
        await on_model(stage, "llama3.2:3b")
        await press(stage, "n")
        assert isinstance(stage.app.screen, Choose)
        for words in (
            "auto",
            "8,192  8k, in force now",
            "what free memory allows",
            "131,072  128k, the most it was trained for",
        ):
            assert words in stage.text, words
        await press(stage, "enter")
        assert stage.ran.pop() == ("set_context", {"model": "llama3.2:3b", "num_ctx": "auto"})
        await press(stage, "n", "down", "enter")
        assert stage.ran.pop() == ("set_context", {"model": "llama3.2:3b", "num_ctx": 8192})
        for typed, expected in (("16k", 16_384), ("12,000", 12_000), ("auto", "auto")):
            await press(stage, "n", "end", "enter")
            assert isinstance(stage.app.screen, Ask)
            await press(stage, *(("comma" if one == "," else one) for one in typed), "enter")
            assert stage.ran.pop() == ("set_context", {"model": "llama3.2:3b", "num_ctx": expected})
        for typed in ("511", "many", "-1", "9" * 40):
            await press(stage, "n", "end", "enter", *(("minus" if one == "-" else one) for one in typed), "enter")
            assert stage.ran == [] and "Give a number of tokens" in stage.toasts[-1]


async def test_s_offers_the_model_for_local_or_cheap_at_once(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await on_model(stage, "gemma3:12b")
        await press(stage, "s")
        assert "Which tier should gemma3:12b serve" in stage.text and "now groq/llama-4-scout" in stage.text
        await press(stage, "enter")
        await press(stage, "s", "down", "enter")
        assert stage.ran == [
            ("switch", {"tier": "local", "model": "gemma3:12b"}),
            ("switch", {"tier": "cheap", "model": "local/gemma3:12b"}),
        ]
        await press(stage, "s", "down", "down", "enter")
        assert "Which tier's model?" in stage.text
        await press(stage, "escape", "s", "escape")
        assert len(stage.ran) == 2


async def test_o_sorts_and_slash_filters(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "m")

        def listed() -> list[str]:
            names = [model.name for model in local.models(NOW)]
            lines = [line for line in stage.text.split("\n") if line[4:5] in "●○"]
            return [name for line in lines for name in names if f" {name} " in line]

        orders = []
        for _ in range(5):
            orders.append(listed())
            await press(stage, "o")
        assert orders[0][:3] == ["llama3.2:3b", "nomic-embed-text:latest", "qwen3:8b"]
        assert orders[1] == sorted(orders[0])
        assert orders[2][:2] == ["gemma3:12b", "qwen3:8b"]
        assert orders[3][:2] == ["qwen3:8b", "nomic-embed-text:latest"]
        assert orders[4][:2] == ["llama3.2:3b", "qwen3:8b"]
        await press(stage, "slash", *"vision")
        assert listed() == ["gemma3:12b"] and "Models 1 of 5" in stage.text
        await press(stage, "enter", "l")
        assert stage.ran == [("load", {"model": "gemma3:12b"})]
        await press(stage, "escape", "slash", *"zzz")
        assert "No model matches zzz" in stage.text
        await press(stage, "escape")
        assert len(listed()) == 5 and isinstance(stage.app.screen, ModelsScreen)


async def test_f_says_whether_the_model_fits_and_shows_the_figures(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.fits["gemma3:12b"] = local.fits("gemma3:12b")
        await on_model(stage, "gemma3:12b")
        await press(stage, "f")
        assert "gemma3:12b: Fits, but only a part of it" in stage.toasts[-1]
        assert "fits, partly on the GPU" in stage.text and "weights 9.3 GB" in stage.text


async def test_v_asks_for_newer_versions(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "m", "v")
        assert stage.ran == [("check_updates", {})]


# --- pulls -------------------------------------------------------------------------------------------------------


async def test_the_question_before_a_pull_says_whether_it_fits_and_can_be_left(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.fits["gemma3:27b"] = local.fits("gemma3:27b")
        await press(stage, "m", "p", *"gemma3", "colon", *"27b", "enter")
        assert isinstance(stage.app.screen, PullQuestion)
        for words in ("Pull gemma3:27b?", "a part of it on the GPU", "download 9.3 GB", "212 GB free"):
            assert words in stage.text, words
        await press(stage, "p", "enter", "n")
        assert stage.ran == []


async def test_a_pull_can_be_begun_before_the_registry_has_answered(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.fit_known.clear()
        await press(stage, "m", "p", "x", "enter")
        assert "You need not wait" in question(stage)
        await press(stage, "y")
        assert stage.ran == [("pull", {"model": "x"})]
        stage.source.fit_known.set()
        await stage.settle()
        assert stage.app.is_running


async def test_pulls_show_layers_speed_time_left_stall_and_errors(staging: Staging) -> None:
    async with staging(with_pulls(), size=(120, 50)) as stage:
        await press(stage, "m")
        for words in (
            *("2 running, 1 failed, 1 interrupted", "42 %  7:17 left  12.3 MB/s  of 9.3 GB", "a8cc1361f314"),
            *("3.9 GB of 9.3 GB", "2 small layers, 1 ready", "stalled 12 s  of 3.8 GB so far"),
            *("nothing received for 12 s; the server is retrying", "300 MB was already here", "done  2.6 GB"),
            *("nope:1b  failed", "check the name on ollama.com/library", "mistral:7b  interrupted at 51 %"),
        ):
            assert words in stage.text, words


async def test_tab_goes_to_the_pulls_where_x_cancels_or_forgets_and_p_goes_on(staging: Staging) -> None:
    async with staging(with_pulls(), size=(120, 50)) as stage:
        await press(stage, "m", "tab", "x")
        assert stage.ran.pop() == ("cancel_pull", {"model": "qwen3:14b"})
        await press(stage, "p")
        assert isinstance(stage.app.screen, Ask)
        await press(stage, "escape", "end", "up")
        assert "x forget" in stage.text and "p resumes the one under the cursor" in stage.text
        await press(stage, "p", "x")
        assert stage.ran == [("pull", {"model": "mistral:7b"}), ("forget_pull", {"model": "mistral:7b"})]
        await press(stage, "up", "enter")
        assert "check the name on ollama.com/library" in stage.toasts[-1]
        await press(stage, "tab", "l")
        assert stage.ran[-1] == ("unload", {"model": "llama3.2:3b"})


async def test_x_from_the_list_takes_the_only_pull_or_asks_which(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "m", "x")
        assert stage.ran == [("cancel_pull", {"model": "qwen3:14b"})]
    async with staging(with_pulls()) as stage:
        await press(stage, "m", "x")
        assert isinstance(stage.app.screen, Choose)
        await press(stage, "down", "enter")
        assert stage.ran == [("cancel_pull", {"model": local.pulls(NOW)[1].model})]


async def test_the_cursor_stays_on_its_pull_while_others_come_and_go(staging: Staging) -> None:
    async with staging(with_pulls(), size=(120, 50)) as stage:
        await press(stage, "m", "tab", "end", "up")
        server = local.ollama(NOW)
        new = PullStatus("first:1b", "pulling manifest")
        stage.source.current = serving(replace(server, pulls=(new, *local.pulls(NOW)[2:])))
        await stage.settle()
        await press(stage, "x")
        assert stage.ran == [("forget_pull", {"model": "mistral:7b"})]
        stage.source.current = serving(replace(server, pulls=()))
        await stage.settle()
        await press(stage, "x")
        assert stage.toasts[-1] == "No model is being pulled." and "Pulls" not in stage.text
        await press(stage, "down", "i")
        assert stage.ran[-1][0] == "pin"


# --- other servers -----------------------------------------------------------------------------------------------


async def test_without_a_server_it_says_how_to_start_one_and_that_it_looks(staging: Staging) -> None:
    async with staging(serving(local.absent(NOW))) as stage:
        await press(stage, "m")
        for words in (
            *("no local server", "sudo systemctl start ollama", "ollama serve", "looks every 3 s, last 2 s ago"),
            *("llmgw's own small model, answers for LOCAL", "built-in"),
        ):
            assert words in stage.text, words
    async with staging(serving(local.nothing(NOW))) as stage:
        await press(stage, "m", "d", "i", "n", "f", "u", "x", "enter", "y", "s", "escape")
        assert "sudo systemctl start ollama" in stage.text and stage.ran == []


async def test_pulls_that_broke_off_with_the_server_leave_room_for_what_starts_it(staging: Staging) -> None:
    server = replace(local.nothing(NOW), pulls=local.pulls(NOW))
    async with staging(serving(server)) as stage:
        await press(stage, "m")
        for words in ("sudo systemctl start ollama", "looks every 3 s", "nope:1b  failed"):
            assert words in stage.text, words


async def test_what_a_server_cannot_do_is_grey_says_why_and_runs_nothing(staging: Staging) -> None:
    async with staging(serving(local.lm_studio(NOW)), size=(200, 60)) as stage:
        await press(stage, "m")
        for words in ("LM Studio", "What to do in LM Studio itself", "delete models in LM Studio, under My Models"):
            assert words in stage.text, words
        for grey in ("p (pull)", "l (load)", "i (pin)", "n (num_ctx)", "u (unload all)", "d (delete)", "f (fits?)"):
            assert grey in stage.text, grey
        assert "s switch" in stage.text
        reasons = {"p": "lms get", "l": "lms load", "i": "no --ttl", "n": "context-length", "u": "lms unload",
                   "d": "My Models", "f": "estimate-only"}  # fmt: skip
        for key, reason in reasons.items():
            await press(stage, key)
            assert isinstance(stage.app.screen, ModelsScreen) and reason in stage.toasts[-1], key
        assert stage.ran == []
        await press(stage, "down", "s", "enter")
        assert stage.ran == [("switch", {"tier": "local", "model": "gemma-3-12b-it"})]


async def test_the_palette_says_why_an_action_cannot_be_done(staging: Staging) -> None:
    async with staging(serving(local.lm_studio(NOW)), size=(120, 40)) as stage:
        await press(stage, "m", "ctrl+p", *"pull")
        await stage.pilot.pause(0.3)
        assert "(pull) (p)" in stage.text and "Not now: LM Studio is not Ollama" in stage.text


async def test_a_server_that_was_not_looked_at_yet_is_not_grey(staging: Staging) -> None:
    async with staging(serving(replace(local.ollama(NOW), abilities=(), product="")), size=(120, 40)) as stage:
        await press(stage, "m")
        assert "p pull" in stage.text and "(" not in stage.text.split("\n")[-1]


# --- anything goes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(10, 3), (24, 6), (40, 10), (80, 24), (120, 40), (250, 70)])
@pytest.mark.parametrize("server", [local.ollama, local.absent, local.nothing, local.lm_studio])
async def test_no_size_and_no_text_breaks_it(staging: Staging, server: Server, size: tuple[int, int]) -> None:
    evil = local.hostile(replace(server(NOW), pulls=local.pulls(NOW)), snapshots.EVIL)
    async with staging(serving(evil), size=size) as stage:
        stage.source.answer = CommandResult(True, snapshots.EVIL)
        for keys in (("m",), ("tab", "down", "enter"), ("tab", "enter"), ("escape", "d"), ("escape", "n"), ("escape",)):
            await press(stage, *keys)
            assert all(is_harmless(line) for line in stage.text.split("\n"))


async def test_a_thousand_models_are_drawn_as_quickly_as_ten(staging: Staging) -> None:
    many = tuple(LocalModel(f"model-{number}", 1_000_000 * number) for number in range(1_000))
    async with staging(serving(replace(local.ollama(NOW), models=many))) as stage:
        await press(stage, "m", "end")
        assert "model-999" in stage.text
        screen = stage.app.screen
        assert isinstance(screen, ModelsScreen)
        before = screen.rows.rows_painted
        await press(stage, "up")
        assert screen.rows.rows_painted - before <= 4
