"""The exact cache: what it keeps, for how long, and whom it answers."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_core.cache.exact import TTL_OF_NOW_S, ExactCache
from gateway_core.cache.identity import identity
from gateway_core.model import CacheMode, JsonObject
from gateway_core.store.answers import StoredAnswer
from tests.cache.support import FakeClock, answer, chat, completion

DAY_S = 86_400.0


class FakeAnswers:
    """Answers in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[StoredAnswer, float]] = {}

    async def get(self, key: str, now: float) -> StoredAnswer | None:
        found, expires_at = self.kept.get(key, (None, 0.0))
        return found if expires_at > now else None

    async def put(self, key: str, answer: StoredAnswer, expires_at: float, question: str = "") -> bool:
        self.kept[key] = (answer, expires_at)
        return True

    async def delete(self, key: str) -> bool:
        return self.kept.pop(key, None) is not None


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(clock: FakeClock) -> ExactCache:
    return ExactCache(FakeAnswers(), clock, DAY_S)


ASKED = identity(chat(), "auto")


async def test_an_answer_is_served_again_until_it_expires(cache: ExactCache, clock: FakeClock) -> None:
    assert await cache.store(ASKED, answer())
    clock.at += DAY_S - 1
    assert await cache.lookup(ASKED) == answer()
    clock.at += 2
    assert await cache.lookup(ASKED) is None


async def test_an_answer_about_now_is_served_for_minutes_only(cache: ExactCache, clock: FakeClock) -> None:
    about_now = identity(chat("What is the weather in Berlin today?"), "auto")
    await cache.store(about_now, answer())
    assert await cache.lookup(about_now)
    clock.at += TTL_OF_NOW_S + 1
    assert await cache.lookup(about_now) is None


@pytest.mark.parametrize("mode", [CacheMode.BYPASS, CacheMode.REFRESH])
async def test_a_caller_who_wants_no_old_answer_gets_none(cache: ExactCache, mode: CacheMode) -> None:
    await cache.store(ASKED, answer())
    assert await cache.lookup(ASKED, mode) is None


@pytest.mark.parametrize("mode", [CacheMode.BYPASS, CacheMode.NO_STORE])
async def test_a_caller_who_wants_nothing_kept_is_heard(cache: ExactCache, mode: CacheMode) -> None:
    assert not await cache.store(ASKED, answer(), mode)
    assert await cache.lookup(ASKED) is None


async def test_refresh_replaces_the_answer(cache: ExactCache) -> None:
    await cache.store(ASKED, answer("old"))
    await cache.store(ASKED, answer("new"), CacheMode.REFRESH)
    assert await cache.lookup(ASKED) == answer("new")


@pytest.mark.parametrize("request_", [chat(purpose="heartbeat"), chat(n=3), chat(temperature=1.2)])
async def test_what_must_be_done_anew_is_not_answered(cache: ExactCache, request_: Any) -> None:
    asked = identity(request_, "auto")
    assert not await cache.store(asked, answer())
    assert await cache.lookup(asked) is None


TWO_CHOICES = {"choices": [*completion()["choices"], {**completion()["choices"][0], "index": 1}]}
CALL = {"id": "call_1", "type": "function", "function": {"name": "run", "arguments": "{}"}}


def native(reason: str) -> JsonObject:
    """An answer that ended as if whole, though its model says otherwise."""
    whole = completion()
    return {**whole, "choices": [{**whole["choices"][0], "native_finish_reason": reason}]}


def filtered(took_something: bool) -> JsonObject:
    whole = completion()
    results = {"hate": {"filtered": took_something, "severity": "safe"}}
    return {**whole, "choices": [{**whole["choices"][0], "content_filter_results": results}]}


@pytest.mark.parametrize(
    ("whole", "kept"),
    [
        (completion("Austin."), True),
        (completion("", "tool_calls", tool_calls=[CALL]), False),
        (completion("Let me look.", tool_calls=[CALL]), False),
        (completion("", "function_call", function_call={"name": "run", "arguments": "{}"}), False),
        (native("pause_turn"), False),
        (native("refusal"), False),
        (native("max_tokens"), False),
        (native("model_context_window_exceeded"), False),
        (filtered(True), False),
        (filtered(False), True),
        (completion("The key is sk-ant-api03-Zm9vYmFyYmF6cXV4Zm9v1234."), False),
        (completion("Write to ada@lovelace-archive.org."), True),
        (completion("", "tool_calls"), False),
        (completion("Aus", "length"), False),
        (completion("Austin.", "content_filter"), False),
        (completion("Austin.", None), False),
        (completion(" \n"), False),
        (completion("I cannot.", refusal="I cannot."), False),
        (completion("Found.", untranslated_blocks=["web_search_tool_result"]), False),
        ({"error": {"message": "no"}}, False),
        ({"choices": []}, False),
        ({"choices": "?"}, False),
        (TWO_CHOICES, False),
        ({**completion(), "error": {"message": "half way"}}, False),
    ],
)
async def test_only_whole_answers_are_kept(cache: ExactCache, whole: JsonObject, kept: bool) -> None:
    given = StoredAnswer(whole, *_rest(answer()))
    assert await cache.store(ASKED, given) is kept


def _rest(one: StoredAnswer) -> Any:
    return one.tier, one.provider, one.model, one.created_at, one.cost_microusd, one.usage
