"""Whatever upstreams do: one complete legal answer or one error, within the money, after a bounded number of calls."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_core.delivery.course import MOST_REJECTED
from gateway_core.delivery.dispatch import MAX_TRIES
from gateway_core.exchange import Exchange
from gateway_core.model import Decision, JsonObject, Refused
from gateway_core.providers.base import UpstreamError
from tests.delivery.dispatching import (
    CHEAP,
    CHEAP_TOO,
    LOCAL,
    PREMIUM,
    Desk,
    Dies,
    Got,
    Step,
    answered,
    failed,
    gone,
    message,
    tool,
)
from tests.providers.calls import make_call

WEATHER = tool("weather", city={"type": "string"})
TARGETS = (LOCAL, CHEAP, CHEAP_TOO, PREMIUM)
SOUND = (
    message("A sound answer in a few words, long enough to come in more than one piece of the stream."),
    message(None, ("weather", '{"city": "Oslo"}')),
    message("Let me look.", ("weather", '{"city": "Oslo"}'), ("weather", '{"city": "Bergen"}')),
    message("Cut off.", finish="length"),
)
BROKEN = (
    message(""),
    message(None, reasoning_content="Hm."),
    message(None, ("weather", '{"city": "Os')),
    message("Let me look.", ("weather", "{")),
    message(None, ("weather", "{}")),
    message(None, ("nothing", "{}")),
    message('<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>'),
    message('{"name": "weather", "arguments": {"city": "Oslo"}}'),
)
errors = st.one_of(
    st.sampled_from([400, 401, 402, 403, 404, 413, 429, 500, 503, 529]).flatmap(
        lambda status: st.builds(
            failed,
            st.just("it"),
            st.just(status),
            retry_after_s=st.sampled_from([None, 0.0, 1.0, 90.0]),
            code=st.sampled_from([None, "context_length_exceeded", "invalid_request", "model_not_found"]),
            sent=st.booleans(),
        )
    ),
    st.builds(
        lambda kind, retryable, sent: UpstreamError("it failed.", kind=kind, retryable=retryable, sent=sent),
        st.sampled_from(["connect", "timeout", "protocol"]),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(gone, st.just("it")),
)
steps: st.SearchStrategy[Step] = st.one_of(
    st.sampled_from(SOUND),
    st.sampled_from(BROKEN),
    errors,
    st.builds(Dies, st.sampled_from((*SOUND, *BROKEN)), st.integers(0, 5)),
)
scripts = st.fixed_dictionaries(
    {name: st.lists(steps, max_size=6) for name in ("local", "groq", "openai", "anthropic")}
)
orders = st.lists(st.sampled_from(TARGETS), min_size=1, max_size=4, unique=True)


def check(got: Got, stream: bool) -> None:
    """One complete legal answer, or one error, never both and never neither."""
    if not stream:
        assert (got.whole is None) != (got.refusal is None)
        if got.whole is not None:
            check_message(got, got.whole["choices"][0]["message"])
        return
    ends = [chunk for chunk in got.chunks if chunk["choices"] and chunk["choices"][0]["finish_reason"]]
    assert len(ends) == (0 if got.refusal else 1)
    assert len([delta for delta in got.deltas if "role" in delta]) <= 1
    assert len({chunk["id"] for chunk in got.chunks}) <= 1
    if not got.refusal:
        assert got.chunks[-1]["usage"]["cost"] >= 0
        calls = [{"function": {"name": name, "arguments": arguments}} for name, arguments in got.calls]
        check_message(got, {"content": got.text, "tool_calls": calls})


def check_message(got: Got, said: JsonObject) -> None:
    """The text is one model's, not two models'; a local call can be read, and is nothing but what was marked."""
    known = {answer["choices"][0]["message"]["content"] or "" for answer in (*SOUND, *BROKEN)}
    assert (said["content"] or "") in known or str(said["content"]).startswith("Hello from ")
    target = got.exchange.target
    if target is not None and target.free:
        for call in said.get("tool_calls") or ():
            assert isinstance(json.loads(call["function"]["arguments"]), dict)
        if not (said["content"] or said.get("tool_calls")):
            assert got.exchange.flawed


@settings(max_examples=300)
@given(scripts, st.lists(orders, min_size=1, max_size=3), st.booleans(), st.sampled_from([300, 1_500, 10_000_000]))
def test_the_caller_gets_one_answer_or_one_error(
    script: dict[str, list[Step]], requests: list[list[Any]], stream: bool, hard: int
) -> None:
    async def run() -> None:
        desk = Desk(script, hard_microusd=hard)
        for targets in requests:
            before = desk.all_calls
            got = await desk.ask(*targets, stream=stream, tools=[WEATHER])
            check(got, stream)
            assert desk.all_calls - before <= MAX_TRIES * (len(targets) + MOST_REJECTED - 1)
            assert got.exchange.cost_microusd <= sum(desk.ledger.charged) <= hard

    asyncio.run(run())


@settings(max_examples=150)
@given(scripts, orders, st.integers(0, 60))
def test_a_caller_who_leaves_at_any_moment_leaves_nothing_open(
    script: dict[str, list[Step]], targets: list[Any], moment: int
) -> None:
    async def run() -> None:
        desk = Desk(script)
        dispatcher = await desk.dispatcher()
        exchange = Exchange(make_call(limit=100, tools=[WEATHER]).request, time.monotonic())

        async def complete(_: JsonObject) -> None:
            assert not desk.ledger.open

        async def read() -> None:
            decision = Decision(targets[0], tuple(targets[1:]), "simple", 0.1, ())
            answer = answered(dispatcher, exchange, decision, complete)
            try:
                async for _ in answer:
                    await asyncio.sleep(0)
            finally:
                await answer.aclose()

        task = asyncio.create_task(read())
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert result is None or isinstance(result, Refused | asyncio.CancelledError)
        assert desk.budget is not None
        await asyncio.gather(*desk.budget._tasks, return_exceptions=True)
        assert not desk.ledger.open
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())
