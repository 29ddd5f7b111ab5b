"""The dashboard's pane of local models: every figure at every size, and what to do while no server answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from gateway_core.model import LocalModel, LocalServer, Snapshot
from gateway_core.ollama.absence import BUILTIN_WANTED, Absence, Here, absence
from llmgw_tui.panes.draw import Look
from llmgw_tui.panes.local import local_view
from llmgw_tui.panes.local_rows import HEAD_CELLS
from llmgw_tui.text import shortened
from llmgw_tui.theme import ASCII
from tests.fakes import local, snapshots

NOW = snapshots.NOW
LOOK = Look(NOW)
SIZES = {"80x24": (38, 4), "120x40": (58, 9), "200x60": (62, 14)}
"""What the dashboard leaves to the inside of the pane."""
BARE = Here("Linux", installed=False, unit=False)
HERE = Here("Linux", installed=True, unit=True)


def shown(server: LocalServer, size: tuple[int, int], look: Look = LOOK) -> list[str]:
    lines = local_view(replace(snapshots.busy(), local=server), look, *size).lines
    texts = ["".join(segment.text for segment in strip) for strip in lines]
    assert len(texts) <= size[1] and all(cell_len(text) == size[0] for text in texts)
    return [text[1:-1] for text in texts]


def flowing(rows: list[str]) -> str:
    return " ".join(" ".join(rows).split())


def loaded(*names: str, **changes: Any) -> LocalServer:
    """Ollama with models in memory, and two that are not."""
    first, *_, resting, vision = local.models(NOW)[:5]
    models = tuple(replace(first, name=name, **changes) for name in names)
    return replace(local.ollama(NOW), models=(*models, resting, vision), current_model=names[0], pulls=())


# --- figures -----------------------------------------------------------------------------------------------------


def test_it_shows_size_context_share_speed_quantisation_and_expiry() -> None:
    text = "\n".join(shown(snapshots.busy().local, (96, 8)))
    for word in (
        *("Ollama 0.32.15", "up", "qwen3:14b", "42 %  7:17 left  12.3 MB/s  of 9.3 GB", "qwen3:8b in use", "4:07"),
        *("5.2 GB", "32k ctx", "70 % GPU", "41 tok/s", "Q4_K_M"),
    ):
        assert word in text


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(
    "name",
    ["qwen3:8b", "qwen2.5-coder:7b", "qwen2.5-coder:14b-instruct", "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M"],
)
def test_no_figure_of_a_loaded_model_is_lost_whatever_its_name(name: str, size: tuple[int, int]) -> None:
    rows = shown(loaded(name), size)
    text = flowing(rows)
    for figure in ("4:07", "5.2 GB", "32k ctx", "70 % GPU", "L ●"):
        assert figure in text, figure
    head, tail = name[:6], name[-2:]
    assert any(head in row and tail in row for row in rows)
    assert name in text or "…" in text


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": None, "pinned": True},
        {"expires_at": None},
        {"expires_at": NOW - 1},
        {"expires_at": NOW + 23 * 3600 + 59 * 60},
        {"size_vram_bytes": 8_700_000_000, "context_length": 262_144, "size_bytes": 999_000_000_000},
        {"size_vram_bytes": 0},
    ],
)
def test_the_longest_figures_fit_too(changes: dict[str, Any], size: tuple[int, int]) -> None:
    server = loaded("qwen2.5-coder:14b-instruct", **changes)
    model = server.models[0]
    text = flowing(shown(server, size))
    wanted = {
        "expires_at": {None: "pinned" if model.pinned else "stays", NOW - 1: "ending"}.get(model.expires_at, "23h 59m"),
        "size_vram_bytes": "100 % GPU" if model.size_vram_bytes else "0 % GPU",
        "context_length": "256k ctx",
        "size_bytes": "999 GB",
    }
    for name in changes:
        if name in wanted:
            word = wanted[name]
            assert word in text or word.replace(" % GPU", "%").replace(" ctx", "") in text, (word, text)


def test_the_expiry_counts_down() -> None:
    for later_s, left in ((0, "4:07"), (7, "4:00"), (200, "0:47"), (300, "ending")):
        assert left in flowing(shown(loaded("qwen3:8b"), SIZES["80x24"], Look(NOW + later_s)))


def test_several_loaded_models_have_their_figures_where_there_is_no_room_for_two_rows_each() -> None:
    rows = shown(loaded("qwen2.5-coder:14b-instruct", "qwen2.5-coder:7b"), SIZES["80x24"])
    for row, ending in ((rows[1], "ct"), (rows[2], "7b")):
        assert all(word in row for word in ("4:07", "5.2 GB", "32k", "70%", "…", ending)), row
    assert "and 2 more" in rows[3]
    three = shown(loaded("one:1b", "two:1b", "three:1b", "four:1b"), SIZES["80x24"])
    assert "and 4 more, 2 of them loaded" in three[3]


def test_names_that_fit_leave_room_for_speed_and_quantisation() -> None:
    assert "41 tok/s" in flowing(shown(loaded("a:1b"), (70, 9)))
    assert "Q4_K_M" not in flowing(shown(loaded("qwen2.5-coder:14b-instruct"), SIZES["120x40"]))


def test_a_name_is_cut_in_its_middle() -> None:
    assert shortened("qwen2.5-coder:14b-instruct", 16) == "qwen2.5-…nstruct"
    assert shortened("qwen3:8b", 8) == "qwen3:8b"
    assert shortened("模型模型模型:8b", 9) == "模型…:8b"
    assert [cell_len(shortened("abcdef", width)) for width in range(7)] == [0, 1, 2, 3, 4, 5, 6]
    assert shortened("qwen2.5-coder:14b", 9, ellipsis="..") == "qwen..14b"


def test_in_ascii_nothing_else_is_drawn() -> None:
    for size in SIZES.values():
        rows = shown(loaded("qwen2.5-coder:14b-instruct-q4"), size, replace(LOOK, glyphs=ASCII))
        assert all(row.isascii() for row in rows)


def test_models_that_do_not_fit_are_counted() -> None:
    many = tuple(LocalModel(f"model-{n}", 1_000_000) for n in range(30))
    assert "and 26 more" in shown(replace(snapshots.busy().local, models=many, pulls=()), (58, 6))[-1]


@pytest.mark.parametrize("width", [8, 12, 20, 28, 36, 60])
@pytest.mark.parametrize("height", [1, 2, 3, 5, 9])
def test_it_fits_every_room(width: int, height: int) -> None:
    for server in (snapshots.busy().local, local.absent(NOW), local.nothing(NOW), local.lm_studio(NOW)):
        shown(server, (width, height))
        shown(replace(server, pulls=local.pulls(NOW)), (width, height))
    assert width > HEAD_CELLS


# --- no server ---------------------------------------------------------------------------------------------------


def without(found: Absence, *, builtin: bool = True) -> LocalServer:
    server = local.absent(NOW) if builtin else local.nothing(NOW)
    return replace(server, why_absent=found.why, how_to_start=found.steps)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("builtin", [True, False])
@pytest.mark.parametrize(
    ("root", "here", "step"),
    [
        ("http://127.0.0.1:11434", BARE, "curl -fsSL https://ollama.com/install.sh | sh`."),
        ("http://127.0.0.1:11434", HERE, "Start it with `sudo systemctl start ollama`."),
        ("http://127.0.0.1:9999", HERE, "`OLLAMA_HOST=127.0.0.1:9999 ollama serve`."),
        ("http://127.0.0.1:1234", BARE, "Start LM Studio's server with `lms server start`."),
        ("http://box:11434", BARE, "Start the local server on box, or set LOCAL_LLM_URL to another one."),
    ],
)
def test_what_to_do_is_read_to_its_end(root: str, here: Here, step: str, builtin: bool, size: tuple[int, int]) -> None:
    found = absence(root, here)
    rows = shown(without(found, builtin=builtin), size)
    text = flowing(rows)
    assert step in text and "…" not in text
    if here is BARE:
        assert "ollama serve" not in text and "systemctl" not in text
    if size != SIZES["80x24"]:
        assert found.why in text and "llmgw looks every 3 s, last 2 s ago." in text


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_frame_says_that_it_is_looked_for(size: tuple[int, int]) -> None:
    def info(server: LocalServer) -> str:
        snapshot: Snapshot = replace(snapshots.busy(), local=server)
        return local_view(snapshot, LOOK, *size).info

    assert info(without(absence("http://127.0.0.1:11434", BARE))) == "looks every 3 s"
    wanted = replace(without(BUILTIN_WANTED), looks_every_s=0.0)
    assert info(wanted) == "" and "looks again" not in flowing(shown(wanted, size))
    assert info(snapshots.busy().local) == "3 of 5 loaded"


def test_advice_that_does_not_fit_says_that_there_is_more() -> None:
    rows = shown(without(absence("http://127.0.0.1:11434", BARE)), (22, 3))
    assert rows[-1].rstrip().endswith("…")


def test_a_server_that_is_down_is_called_what_it_was() -> None:
    down = replace(snapshots.busy().local, reachable=False, models=(), pulls=(), why_absent="It went.")
    assert "Ollama" in shown(down, (76, 6))[0] and "down" in shown(down, (76, 6))[0]
    never = replace(down, product="", version="")
    assert shown(never, (76, 6))[0].startswith("local server") and "It went." in flowing(shown(never, (76, 6)))


def test_before_the_first_look_nothing_is_advised() -> None:
    server = LocalServer("ollama", "http://127.0.0.1:11434", False, detail="not looked at yet")
    assert "Looking for a local server." in flowing(shown(server, SIZES["120x40"]))


def test_the_built_in_model_is_always_called_built_in() -> None:
    for width in (24, 38, 58, 118):
        rows = shown(snapshots.empty().local, (width, 9))
        assert "built-in" in rows[0] and "built-in" in flowing(rows[1:3])
