"""The semantic cache's review end to end: a gateway on loopback, and a local model that knows what asks the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway_core.cache.review import quiet as quiet_module
from gateway_core.cache.review import room
from gateway_core.model import SemanticStats
from tests.cache.fakes import FakeChild
from tests.cache.review.labelled import GROUPS, MODEL, Referee
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.http.inside import Client, client

CLOUD = "openai/gpt-oss-120b"
GHANA, SAME_AS_GHANA, _ = GROUPS[0]
KENYA = GROUPS[1][0]
LIST, STRING = GROUPS[5][0], GROUPS[6][0]


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> FakeChild:
    """The child of the gateways that are made from now on."""
    made = FakeChild()
    made.unsure.add(frozenset((GHANA, SAME_AS_GHANA)))
    monkeypatch.setattr("gateway_core.composition.open_encoder", lambda settings, note, url: made)
    monkeypatch.setattr(quiet_module, "QUIET_S", 0.0)
    monkeypatch.setattr("gateway_core.cache.review.reviewer.TICK_S", 3600.0)
    return made


@pytest.fixture
async def referee() -> AsyncIterator[Referee]:
    async with Referee() as fake:
        yield fake


@asynccontextmanager
async def gateway(folder: Path, referee: FakeOpenAI, **more: Any) -> AsyncIterator[Client]:
    """A gateway whose cloud answers each question with a number of its own."""
    async with FakeOpenAI(kind="groq", key="gsk", models=(CLOUD,), default=Reply("A cloud's answer.")) as cloud:
        settings = {
            "groq_api_key": SecretStr("gsk"),
            "groq_base_url": cloud.base_url,
            "semantic_cache": "on",
            "local_llm_enabled": True,
            "local_llm_url": referee.base_url,
            "builtin_model": "off",
            **more,
        }
        async with client(folder, **settings) as llmgw:
            yield llmgw


async def ask(llmgw: Client, text: str) -> tuple[str, str]:
    """How the caches served a question, and the request's id."""
    status, headers, _ = await llmgw.chat(text, model="gateway-cheap")
    assert status == 200
    return headers["x-llmgw-cache"], headers["x-llmgw-request-id"]


async def at_rest(llmgw: Client) -> None:
    """Returns when no request is in flight, and everybody was told of its end: a client has its answer earlier."""
    await llmgw.gateway.kill_gate.ended(60)
    await asyncio.sleep(0)
    llmgw.gateway.snapshot(rows=0)


async def review(llmgw: Client) -> None:
    """Has the reviewer do all that waits, as it would when idle."""
    await at_rest(llmgw)
    while await llmgw.gateway.reviewer.step():
        pass


def stats(llmgw: Client) -> SemanticStats:
    return llmgw.gateway.snapshot(rows=0).cache.semantic


def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every hit checked."""
    monkeypatch.setattr(room, "SHARE_CHECKED", {"words": 1.1, "learned": 1.1})


async def mark(llmgw: Client, request_id: str) -> tuple[int, str]:
    status, result = await llmgw.post("/api/commands/mark_wrong", request_id=request_id)
    return status, result["message"]


async def test_a_grey_pair_is_judged_when_idle_taught_and_served(
    tmp_path: Path, child: FakeChild, referee: Referee
) -> None:
    async with gateway(tmp_path, referee) as llmgw:
        assert (await ask(llmgw, GHANA))[0] == "miss"
        assert (await ask(llmgw, SAME_AS_GHANA))[0] == "miss"
        assert stats(llmgw).grey_waiting == 1 and referee.judged == []
        await review(llmgw)
        assert referee.pairs == [(SAME_AS_GHANA, GHANA), (GHANA, SAME_AS_GHANA)]
        assert (stats(llmgw).grey_waiting, stats(llmgw).grey_approved, stats(llmgw).judge.exam) == (0, 1, "passed")
        assert child.lessons[frozenset((GHANA, SAME_AS_GHANA))] is True
    async with gateway(tmp_path, referee, exact_cache="off") as llmgw:
        child.die()
        child.kept.clear()
        child.start()
        await ask(llmgw, GHANA)
        cache, request_id = await ask(llmgw, SAME_AS_GHANA)
        detail = await llmgw.get(f"/api/requests/{request_id}")
        asked_again = len(referee.pairs)
        assert (await ask(llmgw, KENYA))[0] != "semantic"
    assert (cache, detail["reuse"]["verdict"], detail["reuse"]["question"]) == ("semantic", "alias", GHANA)
    assert asked_again == 2, "what is known is not asked again"
    assert referee.rejected == []


async def test_a_judge_that_has_passed_answers_while_the_request_waits(
    tmp_path: Path, child: FakeChild, referee: Referee
) -> None:
    async with gateway(tmp_path, referee) as llmgw:
        await ask(llmgw, GHANA)
        await ask(llmgw, SAME_AS_GHANA)
        await review(llmgw)  # the exam, and this pair
        child.unsure.update((frozenset(GROUPS[2]), frozenset((GROUPS[5][0], GROUPS[6][0]))))
        await ask(llmgw, GROUPS[2][0])
        await at_rest(llmgw)
        cache, request_id = await ask(llmgw, GROUPS[2][1])
        detail = await llmgw.get(f"/api/requests/{request_id}")
        assert (cache, detail["reuse"]["verdict"], detail["reuse"]["question"]) == ("semantic", "alias", GROUPS[2][0])
        await ask(llmgw, LIST)
        await at_rest(llmgw)
        assert (await ask(llmgw, STRING))[0] == "miss", "the judge said that it asks something else"
        assert (stats(llmgw).grey_approved, stats(llmgw).grey_rejected, stats(llmgw).grey_waiting) == (2, 1, 0)
    assert referee.rejected == []


async def test_a_served_answer_that_the_judge_rejects_is_gone_blocked_and_counted(
    tmp_path: Path, child: FakeChild, referee: Referee, monkeypatch: pytest.MonkeyPatch
) -> None:
    always(monkeypatch)
    async with gateway(tmp_path, referee) as llmgw:
        await ask(llmgw, LIST)
        child.lessons[frozenset((LIST, STRING))] = True  # guards that generalise too far
        child.lessons[frozenset((LIST, GROUPS[5][1]))] = True
        await llmgw.gateway._caches.review.use_judge("local/any")
        monkeypatch.setattr(type(llmgw.gateway._caches.review), "judge_passed", True)
        assert (await ask(llmgw, STRING))[0] == "semantic"
        assert stats(llmgw).shadow_waiting == 1
        await review(llmgw)
        now = stats(llmgw)
        assert (now.recent.checked, now.recent.wrong, now.recent.rate) == (1, 1, 1.0)
        assert now.recent.low == pytest.approx(0.025) and now.recent.high == 1.0
        assert (now.tightened_scopes, child.entries) == (1, 0)
        child.cosine = 0.94
        await ask(llmgw, LIST + " ")
        metrics = (await llmgw.get("/api/metrics"))["cache"]["semantic"]
    assert metrics["recent"] == {"checked": 1, "wrong": 1, "rate": 1.0, "low": now.recent.low, "high": 1.0}
    assert metrics["judge"]["exam"] == "passed" and metrics["max_error"] == 0.01
    async with gateway(tmp_path, referee, exact_cache="off") as llmgw:
        child.start()
        await ask(llmgw, LIST)
        child.cosine = 0.97
        assert (await ask(llmgw, STRING))[0] != "semantic", "blocked"
        assert (await ask(llmgw, GROUPS[5][1]))[0] == "semantic"
        child.cosine = 0.94
        assert (await ask(llmgw, GROUPS[5][1]))[0] != "semantic", "tightened"
        assert stats(llmgw).total.wrong == 1


async def test_a_request_ends_a_judgement_at_once(tmp_path: Path, child: FakeChild, referee: Referee) -> None:
    async with gateway(tmp_path, referee) as llmgw:
        await ask(llmgw, GHANA)
        await ask(llmgw, SAME_AS_GHANA)
        await at_rest(llmgw)
        seen = len(referee.requests)
        referee.script(Reply("same", before_s=3600))
        step = asyncio.create_task(llmgw.gateway.reviewer.step())
        await referee.wait_for_requests(seen + 1)
        _, headers, _ = await llmgw.chat("Are you there, local model?", model="gateway-local")
        assert not await step
        await referee.wait_for_disconnects(1)
        assert headers["x-llmgw-tier"] == "local"
        await review(llmgw)
        assert stats(llmgw).grey_approved == 1


async def test_the_kill_switch_ends_it_too_and_nothing_is_judged_while_it_is_on(
    tmp_path: Path, child: FakeChild, referee: Referee
) -> None:
    async with gateway(tmp_path, referee) as llmgw:
        await ask(llmgw, GHANA)
        await ask(llmgw, SAME_AS_GHANA)
        await at_rest(llmgw)
        seen = len(referee.requests)
        referee.script(Reply("same", before_s=3600))
        step = asyncio.create_task(llmgw.gateway.reviewer.step())
        await referee.wait_for_requests(seen + 1)
        await llmgw.post("/api/commands/kill")
        assert not await step
        await referee.wait_for_disconnects(1)
        await review(llmgw)
        assert len(referee.requests) == seen + 1
        assert "the kill switch is on" in stats(llmgw).judge.detail


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda fake: fake.loaded.clear(), "is not loaded, and is not loaded for this"),
        (lambda fake: fake.stay(minutes=-1), "is to be unloaded, and is not kept for this"),
    ],
)
async def test_no_model_is_loaded_or_kept_for_it(
    tmp_path: Path, child: FakeChild, referee: Referee, prepare: Callable[[Referee], None], why: str
) -> None:
    async with gateway(tmp_path, referee) as llmgw:
        await ask(llmgw, GHANA)
        await ask(llmgw, SAME_AS_GHANA)
        prepare(referee)
        await review(llmgw)
        assert f"{MODEL} {why}" in stats(llmgw).judge.detail
        assert referee.chats == [] and referee.loads == []


async def test_a_judge_that_approves_everything_changes_nothing(tmp_path: Path, child: FakeChild) -> None:
    async with Referee(approves=True) as fake, gateway(tmp_path, fake) as llmgw:
        await ask(llmgw, GHANA)
        await ask(llmgw, SAME_AS_GHANA)
        await review(llmgw)
        now = stats(llmgw)
        assert (now.judge.exam, now.judge.wrongly_approved, now.grey_waiting) == ("failed", 1, 1)
        assert "failed the exam: approved 1 of 1 different pairs" in now.judge.detail
        assert child.lessons == {}


@pytest.mark.parametrize("restart", [False, True])
async def test_a_semantic_answer_can_be_marked_wrong_also_after_a_restart(
    tmp_path: Path, child: FakeChild, referee: Referee, restart: bool
) -> None:
    reworded = "Please tell me what the capital of Ghana is"
    async with gateway(tmp_path, referee) as llmgw:
        await ask(llmgw, GHANA)
        cache, request_id = await ask(llmgw, reworded)
        assert cache == "semantic"
        if not restart:
            status, first = await mark(llmgw, request_id)
    if restart:
        async with gateway(tmp_path, referee) as llmgw:
            child.die()  # it is blocked at once, and dropped when it is back
            status, first = await mark(llmgw, request_id)
            assert child.entries == 1
    async with gateway(tmp_path, referee, exact_cache="off") as llmgw:
        child.start()
        await llmgw.gateway._caches.review.pupil.settled()
        assert (status, first) == (200, "That answer is forgotten and will not be served again.")
        assert child.entries == 0
        assert await mark(llmgw, request_id) == (200, "That answer is already marked wrong and no longer served.")
        await ask(llmgw, GHANA)
        assert (await ask(llmgw, reworded))[0] != "semantic"
        assert (stats(llmgw).marked_wrong, stats(llmgw).tightened_scopes) == (1, 1)


@pytest.mark.parametrize("restart", [False, True])
async def test_an_exact_answer_marked_wrong_comes_back_from_neither_cache(
    tmp_path: Path, child: FakeChild, referee: Referee, restart: bool
) -> None:
    async with gateway(tmp_path, referee) as llmgw:
        await ask(llmgw, GHANA)
        cache, request_id = await ask(llmgw, GHANA)
        _, other_id = await ask(llmgw, GHANA)
        assert cache == "exact"
        if not restart:
            assert (await mark(llmgw, request_id))[0] == 200
    async with gateway(tmp_path, referee) as llmgw:
        child.start()
        if restart:
            assert (await mark(llmgw, request_id))[0] == 200
        assert (await ask(llmgw, GHANA))[0] == "miss", "the semantic cache had it too"
        assert (await ask(llmgw, GHANA))[0] == "exact"
        status, message = await mark(llmgw, other_id)
        assert (status, "already gone" in message) == (400, True)
        assert (await ask(llmgw, GHANA))[0] == "exact", "the new answer is another one"


async def test_a_repeated_answer_is_marked_where_it_came_from(
    tmp_path: Path, child: FakeChild, referee: Referee
) -> None:
    key = {"Idempotency-Key": "once"}
    async with gateway(tmp_path, referee) as llmgw:
        await llmgw.chat(GHANA, key, model="gateway-cheap")
        _, headers, _ = await llmgw.chat(GHANA, key, model="gateway-cheap")
        status, message = await mark(llmgw, headers["x-llmgw-request-id"])
        _, miss, _ = await llmgw.chat(KENYA, model="gateway-cheap")
        assert await mark(llmgw, miss["x-llmgw-request-id"]) == (400, "That request was not answered from the cache.")
    assert (status, "mark the first request" in message) == (400, True)


async def test_wrong_answers_stop_serving_until_the_operator_resets(
    tmp_path: Path, child: FakeChild, referee: Referee
) -> None:
    with_child = gateway(tmp_path, referee, semantic_max_error=0.002)
    async with with_child as llmgw:
        await ask(llmgw, GHANA)
        for wording in ("Please tell me what the capital of Ghana is", "Tell me what is the capital of Ghana"):
            await ask(llmgw, GHANA)
            cache, request_id = await ask(llmgw, wording)
            if cache == "semantic":
                await mark(llmgw, request_id)
                await ask(llmgw, GHANA)
        metrics = (await llmgw.get("/api/metrics"))["cache"]["semantic"]
        assert metrics["closed_scopes"] + metrics["tightened_scopes"] == 1
        status, result = await llmgw.post("/api/commands/reset_semantic")
        assert status == 200 and "1 scope opened" in result["message"]
        now = stats(llmgw)
        assert (now.closed_scopes, now.tightened_scopes, now.paused) == (0, 0, "")
