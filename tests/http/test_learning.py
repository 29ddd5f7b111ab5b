"""The router learns: a label by command, a fit, a head in force, and the way back; over restarts and crashes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway_core.events import Notice, RequestFinished
from gateway_core.learning import picking
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.errors import StoreError
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.http.inside import Client, client, with_claude, with_groq

MODEL = "llama-oss"
WORDS = "I moved my desk next to the window yesterday and would like to hear something nice about that, number"


@pytest.fixture(autouse=True)
def none_is_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request in fifty would be asked about, by its id, which is random."""
    monkeypatch.setattr("gateway_core.composition.SAMPLE_SHARE", 0.0)


@asynccontextmanager
async def gateway(tmp_path: Path, **more: Any) -> AsyncIterator[Client]:
    """With a cheap and a premium tier."""
    async with (
        FakeAnthropic(default=Reply(text="Claude's answer.")) as claude,
        FakeOpenAI(key="groq-key", models=(MODEL,), default=Reply(text="A cheap answer.")) as groq,
        client(tmp_path, **with_claude(claude), **with_groq(groq), cheap_model=MODEL, **more) as llmgw,
    ):
        yield llmgw


async def asked(llmgw: Client, text: str = WORDS, model: str = "gateway-auto", **body: Any) -> str:
    _, headers, _ = await llmgw.chat(text, model=model, **body)
    return str(headers["x-llmgw-request-id"])


async def run(llmgw: Client, command: str, **arguments: Any) -> Any:
    _, result = await llmgw.post(f"/api/commands/{command}", **arguments)
    return result


async def learning(llmgw: Client) -> Any:
    return await llmgw.get("/api/routing/learning")


async def eventually(llmgw: Client, holds: Callable[[Any], bool]) -> Any:
    """The learning, once what is written in the background is there."""
    for _ in range(500):
        if holds(found := await learning(llmgw)):
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(found)


async def test_learning_the_same_again_is_no_new_version(tmp_path: Path) -> None:
    """Five of them would push out all that one could go back to, and the way back would lead nowhere."""
    async with gateway(tmp_path) as llmgw:
        await run(llmgw, "import_labels", labels=lines(30))
        await run(llmgw, "refit_router")
        again = [await run(llmgw, "refit_router") for _ in range(6)]
        found = await learning(llmgw)
        back = await run(llmgw, "revert_router")
        assert llmgw.gateway.learning.head is None
        anew = await run(llmgw, "refit_router")
    assert [one["number"] for one in found["versions"]] == [1] and found["in_force"] == 1
    assert all("in force already" in one["message"] and not one["ok"] for one in again)
    assert "The rules alone decide again" in back["message"] and "version 2" in anew["message"]


def lines(many: int, tier: str = "premium") -> list[dict[str, str]]:
    return [{"prompt": f"{WORDS} {number}", "tier": tier} for number in range(many)]


async def test_a_label_a_fit_a_head_in_force_and_back(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        request_id = await asked(llmgw)
        noted = await run(llmgw, "label_request", request_id=request_id, verdict="down")
        row = (await llmgw.get("/api/requests"))["requests"][0]
        imported = await run(llmgw, "import_labels", labels=lines(8))
        first = await learning(llmgw)
        fitted = await run(llmgw, "refit_router")
        after = await learning(llmgw)
        head = llmgw.gateway.learning.head
        back = await run(llmgw, "revert_router")
        reverted = await learning(llmgw)
        nothing = await run(llmgw, "revert_router")
    assert noted["ok"] and "cheap was not good enough" in noted["message"] and row["thumb"] == "down"
    assert imported["ok"] and dict(first["sources"]) == {"import": 8, "thumb": 1} and first["in_force"] == 0
    assert first["newest"][-1]["wanted"] == 1.0 and first["newest"][-1]["tier"] == "cheap"
    assert fitted["ok"] and after["in_force"] == 1 and head is not None and head.bias > 0
    assert [one["in_force"] for one in after["versions"]] == [True] and after["versions"][0]["trial"]["new"][
        "labels"
    ] < 10
    assert "too few to tell" in fitted["message"]
    assert back["ok"] and reverted["in_force"] == 0 and not reverted["versions"][0]["in_force"]
    assert not nothing["ok"] and "nothing to go back to" in nothing["message"]


async def test_ten_new_labels_have_it_learn_by_itself_and_nothing_else_after_a_way_back(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        with llmgw.gateway.bus.subscribe() as events:
            await run(llmgw, "import_labels", labels=lines(10))
            async with asyncio.timeout(20):
                async for event in events:
                    if isinstance(event, Notice) and event.source == "learning":
                        assert event.text.startswith("The router has learned from")
                        break
        await run(llmgw, "revert_router")
        await run(llmgw, "import_labels", labels=[{"prompt": "one more", "tier": "local"}])
        await asyncio.sleep(0.1)
        assert (await learning(llmgw))["in_force"] == 0, "it stays where the user put it"
        await run(llmgw, "import_labels", labels=[{"prompt": f"more {n}", "tier": "local"} for n in range(9)])
        assert (await eventually(llmgw, lambda found: found["in_force"] == 2))["versions"][0]["number"] == 2


async def test_what_is_in_force_is_so_after_a_restart_and_newer_labels_are_learned_at_a_start(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        await run(llmgw, "import_labels", labels=lines(9))
        await run(llmgw, "refit_router")
        before = llmgw.gateway.learning.head
    async with gateway(tmp_path) as llmgw:
        assert before is not None and llmgw.gateway.learning.head == before
        await asyncio.sleep(0.1)
        assert len((await learning(llmgw))["versions"]) == 1, "nothing was new"
        await run(llmgw, "import_labels", labels=[{"prompt": "one more", "tier": "local"}])
    async with gateway(tmp_path) as llmgw:
        assert (await eventually(llmgw, lambda found: found["in_force"] == 2))["versions"][0]["labels"] > 0


@pytest.mark.parametrize("broken", ["INSERT INTO router_heads", "'in_force'"])
async def test_a_crash_in_the_middle_leaves_the_old_head(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway(tmp_path) as llmgw:
        await run(llmgw, "import_labels", labels=lines(9))
        await run(llmgw, "refit_router")
        before = llmgw.gateway.learning.head
        await run(llmgw, "import_labels", labels=lines(9, "local"))

        class Breaks:
            """A connection that dies at one statement."""

            def __init__(self, connection: sqlite3.Connection) -> None:
                self._connection = connection

            def execute(self, sql: str, values: Any = ()) -> Any:
                if broken in sql or (
                    broken == "'in_force'" and sql.startswith("INSERT OR REPLACE") and "in_force" in values
                ):
                    raise sqlite3.OperationalError("disk I/O error")
                return self._connection.execute(sql, values)

        whole = Database.run

        async def breaks(self: Database, work: Callable[[Any], Any]) -> Any:
            return await whole(self, lambda connection: work(Breaks(connection)))

        monkeypatch.setattr(Database, "run", breaks)
        failed = await run(llmgw, "refit_router")
        monkeypatch.undo()
        after = await learning(llmgw)
        assert not failed["ok"] and "Nothing has changed" in failed["message"]
        assert llmgw.gateway.learning.head is before and (after["in_force"], len(after["versions"])) == (1, 1)
    async with gateway(tmp_path) as llmgw:
        assert (await learning(llmgw))["versions"][-1]["number"] == 1


async def test_a_caller_who_leaves_in_the_middle_of_a_fit_leaves_memory_and_disk_the_same(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        await run(llmgw, "import_labels", labels=lines(9))
        fitting = asyncio.create_task(llmgw.gateway.learning.refit())
        await asyncio.sleep(0)
        fitting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fitting
        found = await eventually(llmgw, lambda found: found["in_force"] == 1 and not found["fitting"])
        assert found["versions"][0]["in_force"] and llmgw.gateway.learning.head is not None


async def test_a_thumb_is_taken_back_and_replaced(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        request_id = await asked(llmgw)
        await run(llmgw, "label_request", request_id=request_id, verdict="up")
        up = (await learning(llmgw))["newest"]
        await run(llmgw, "label_request", request_id=request_id, verdict="down")
        down = (await learning(llmgw))["newest"]
        cleared = await run(llmgw, "label_request", request_id=request_id, verdict="clear")
        row = (await llmgw.get("/api/requests"))["requests"][0]
        none = (await learning(llmgw))["labels"]
        again = await run(llmgw, "label_request", request_id=request_id, verdict="clear")
        shown = llmgw.gateway.snapshot().requests[0].thumb
    assert [one["wanted"] for one in up] == [0.25] and [one["wanted"] for one in down] == [1.0]
    assert cleared["ok"] and (row["thumb"], none, shown) == ("", 0, "") and "no thumb" in again["message"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"model": "gateway-background"}, "background"),
        ({"model": f"groq/{MODEL}"}, "named the model"),
    ],
)
async def test_what_the_router_did_not_decide_is_no_label_and_says_why(
    tmp_path: Path, body: dict[str, str], why: str
) -> None:
    async with gateway(tmp_path) as llmgw:
        request_id = await asked(llmgw, "A question of its own.", **body)
        said = await run(llmgw, "label_request", request_id=request_id, verdict="up")
        missing = await run(llmgw, "label_request", request_id="req_none", verdict="up")
        assert not said["ok"] and why in said["message"] and "no request of that id" in missing["message"]
        assert (await learning(llmgw))["labels"] == 0


async def test_a_cached_answer_is_no_label(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        await asked(llmgw)
        again = await asked(llmgw)
        said = await run(llmgw, "label_request", request_id=again, verdict="up")
        assert not said["ok"] and "cache" in said["message"] and (await learning(llmgw))["labels"] == 0


async def test_the_same_words_to_a_tier_of_the_callers_own_are_an_override(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        first = await asked(llmgw)
        await asked(llmgw, model="gateway-premium")
        found = await eventually(llmgw, lambda found: found["labels"] == 1)
    (label,) = found["newest"]
    assert (label["request_id"], label["source"], label["wanted"], label["weight"]) == (first, "override", 1.0, 0.8)
    assert label["text"] == WORDS and label["tier"] == "cheap"


async def test_run_again_a_tier_up_is_a_weak_label_and_a_choice_replaces_it(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        first = await asked(llmgw)
        with llmgw.gateway.bus.subscribe() as events:
            begun = await run(llmgw, "replay", request_id=first, tier="premium")
            async for event in events:
                if isinstance(event, RequestFinished) and event.row.id == begun["value"]:
                    break
        weak = await eventually(llmgw, lambda found: found["labels"] == 1)
        refused = await run(llmgw, "label_request", request_id=begun["value"], verdict="up")
        chosen = await run(llmgw, "choose_answer", first=first, second=begun["value"], better="same")
        strong = await learning(llmgw)
        strange = await run(llmgw, "choose_answer", first=first, second=first, better="same")
    assert (weak["newest"][0]["source"], weak["newest"][0]["weight"]) == ("escalation", 0.25)
    assert not refused["ok"] and "which of the two answers" in refused["message"]
    assert chosen["ok"] and 'cheap is what "I moved my desk' in chosen["message"]
    assert [(one["source"], one["wanted"], one["weight"]) for one in strong["newest"]] == [("choice", 0.5, 1.0)]
    assert not strange["ok"]


async def test_secrets_are_no_part_of_a_label(tmp_path: Path) -> None:
    key = "sk-" + "a1B2" * 10
    async with gateway(tmp_path) as llmgw:
        request_id = await asked(llmgw, f"{WORDS} {key} test-key")
        await run(llmgw, "label_request", request_id=request_id, verdict="down")
        async with llmgw.http.get("/api/routing/labels") as answer:
            exported = await answer.text()
    assert key not in exported and "test-key" not in exported and "[masked]" in exported
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        assert key not in str(connection.execute("SELECT * FROM labels").fetchall())
    connection.close()


async def test_without_bodies_only_what_the_user_labels_is_kept(tmp_path: Path) -> None:
    async with gateway(tmp_path, keep_bodies_days=0) as llmgw:
        first = await asked(llmgw)
        await asked(llmgw, model="gateway-premium")
        await run(llmgw, "label_request", request_id=first, verdict="up")
        assert dict((await learning(llmgw))["sources"]) == {"thumb": 1}


async def test_switched_off_it_hears_and_uses_nothing(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        await run(llmgw, "import_labels", labels=lines(9))
        await run(llmgw, "refit_router")
    async with gateway(tmp_path, router_learning="off") as llmgw:
        request_id = await asked(llmgw)
        await asked(llmgw, model="gateway-premium")
        said = await run(llmgw, "label_request", request_id=request_id, verdict="up")
        found = await learning(llmgw)
        assert not said["ok"] and "ROUTER_LEARNING" in said["message"]
        assert llmgw.gateway.learning.head is None and (found["on"], found["labels"]) == (False, 9)


async def test_what_is_exported_can_be_imported_and_forgotten(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        await run(llmgw, "import_labels", labels=[{"prompt": "Design it.", "weak": 0.25, "strong": 1.0}])
        async with llmgw.http.get("/api/routing/labels") as answer:
            exported = [json.loads(line) for line in (await answer.text()).splitlines()]
        again = await run(llmgw, "import_labels", labels=exported)
        bad = await run(llmgw, "import_labels", labels=[{"prompt": "x", "tier": "local"}, {"prompt": "y"}])
        one = await learning(llmgw)
        log = await llmgw.get("/api/log")
        await run(llmgw, "refit_router")
        request_id = await asked(llmgw)
        await run(llmgw, "label_request", request_id=request_id, verdict="up")
        forgotten = await run(llmgw, "forget_labels")
        none = await learning(llmgw)
        row = (await llmgw.get("/api/requests"))["requests"][0]
    assert exported[0] | {"prompt": "Design it.", "tier": "premium", "wanted": 0.75} == exported[0]
    assert again["ok"] and one["labels"] == 1 and not bad["ok"] and "line 2" in bad["message"]
    assert "Design it" not in str(log), "prompts are not for the log"
    assert "2 labels forgotten" in forgotten["message"]
    assert (none["labels"], none["in_force"], none["versions"], row["thumb"]) == (0, 0, [], "")


async def test_a_few_requests_are_picked_by_chance_and_wait_for_a_thumb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picking, "SAMPLE_SHARE", 1.0)
    monkeypatch.setattr("gateway_core.composition.SAMPLE_SHARE", 1.0)
    async with gateway(tmp_path) as llmgw:
        picked = await asked(llmgw)
        await asked(llmgw, "Which tier is this?", model="gateway-cheap")
        waiting = await eventually(llmgw, lambda found: len(found["samples"]) == 1)
        await run(llmgw, "label_request", request_id=picked, verdict="up")
        judged = await learning(llmgw)
    assert waiting["samples"][0]["request_id"] == picked and waiting["samples"][0]["text"] == WORDS
    assert judged["samples"] == [] and dict(judged["sources"]) == {"sample": 1}
    assert (judged["quality"]["up"], judged["quality"]["judged"]) == (1, 1)


async def test_a_store_that_fails_is_said_and_the_gateway_answers_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway(tmp_path) as llmgw:
        request_id = await asked(llmgw)

        async def fails(*_: object) -> None:
            raise StoreError("the disk is full")

        monkeypatch.setattr("gateway_core.store.labels.LabelStore.add", fails)
        said = await run(llmgw, "label_request", request_id=request_id, verdict="up")
        await asked(llmgw, model="gateway-premium")
        status, _, _ = await llmgw.chat("And now?", model="gateway-auto")
    assert not said["ok"] and "disk is full" in said["message"] and status == 200


async def test_an_answer_that_was_none_says_that_its_tier_was_not_enough(tmp_path: Path) -> None:
    async with (
        FakeAnthropic(default=Reply(text="Claude's answer.")) as claude,
        FakeOpenAI(key="groq-key", models=(MODEL,), default=Reply(text="")) as groq,
        client(tmp_path, **with_claude(claude), **with_groq(groq), cheap_model=MODEL) as llmgw,
    ):
        request_id = await asked(llmgw)
        found = await eventually(llmgw, lambda found: found["labels"] == 1)
    (label,) = found["newest"]
    assert (label["request_id"], label["source"], label["wanted"], label["weight"]) == (
        *(request_id, "escalation"),
        *(1.0, 0.5),
    )


async def test_the_same_words_again_in_a_session_are_a_weak_label(tmp_path: Path) -> None:
    async with gateway(tmp_path, exact_cache="off") as llmgw:
        first = await asked(llmgw, prompt_cache_key="mine")
        await asked(llmgw, prompt_cache_key="another")
        await asked(llmgw, prompt_cache_key="mine")
        found = await eventually(llmgw, lambda found: found["labels"] == 1)
    (label,) = found["newest"]
    assert (label["request_id"], label["source"], label["weight"]) == (first, "retry", 0.3)


async def test_labels_are_written_while_requests_keep_it_from_learning(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        learns = llmgw.gateway.learning
        learns._is_idle = lambda: False
        await run(llmgw, "import_labels", labels=lines(10))
        first = await asked(llmgw)
        await asked(llmgw, model="gateway-premium")
        found = await eventually(llmgw, lambda found: found["labels"] == 11)
        assert found["in_force"] == 0 and found["newest"][0]["request_id"] == first
        learns._is_idle = lambda: True
        await eventually(llmgw, lambda found: found["in_force"] == 1)


async def test_what_was_heard_last_is_written_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with gateway(tmp_path) as llmgw:
        await asked(llmgw)
        monkeypatch.setattr(llmgw.gateway.learning._wake, "set", lambda: None)
        await asked(llmgw, model="gateway-premium")
    async with gateway(tmp_path, router_learning="off") as llmgw:
        assert dict((await learning(llmgw))["sources"]) == {"override": 1}


async def test_a_damaged_head_leaves_the_rules_and_fails_no_request(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        await run(llmgw, "import_labels", labels=lines(8))
        await run(llmgw, "refit_router")
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    with connection:
        connection.execute('UPDATE router_heads SET head = \'{"labels": 5, "bias": NaN, "vector": [1e400]}\'')
    connection.close()
    async with gateway(tmp_path) as llmgw:
        status, _, _ = await llmgw.chat("Something else.")
        assert status == 200 and llmgw.gateway.learning.head is None and (await learning(llmgw))["in_force"] == 0
