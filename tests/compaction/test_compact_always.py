"""What holds for every conversation that is compacted."""

from __future__ import annotations

import copy
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_core.compaction.compact import compact, least_tokens
from gateway_core.compaction.turns import turn_starts
from gateway_core.wire.tokens import estimate_tokens
from gateway_core.wire.validation import validate
from tests.wire.strategies import conversations

Json = dict[str, Any]
long_text = st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=60), st.integers(1, 300))


@st.composite
def long_conversations(draw: st.DrawFn) -> list[Json]:
    """Conversations with turns, calls in them and their results, some of them long."""
    messages: list[Json] = [{"role": "system", "content": draw(long_text)}] if draw(st.booleans()) else []
    for turn in range(draw(st.integers(1, 7))):
        messages.append({"role": "user", "content": draw(long_text)})
        for step in range(draw(st.integers(0, 3))):
            ids = [f"c_{turn}{step}{number}" for number in range(draw(st.integers(1, 2)))]
            function = {"name": "write", "arguments": orjson.dumps({"text": draw(long_text)}).decode()}
            calls = [{"id": one, "type": "function", "function": function} for one in ids]
            thoughts = {"reasoning_content": "Let me see."} if draw(st.booleans()) else {}
            messages.append({"role": "assistant", "content": None, "tool_calls": calls, **thoughts})
            messages += [{"role": "tool", "tool_call_id": one, "content": draw(long_text)} for one in ids]
        if draw(st.booleans()):
            messages.append({"role": "developer", "content": draw(long_text)})
        messages.append({"role": "assistant", "content": draw(long_text)})
    return messages if draw(st.booleans()) else messages[:-1]


bodies = st.one_of(conversations(), long_conversations()).map(lambda messages: {"model": "m", "messages": messages})


@settings(max_examples=150)
@given(bodies, st.integers(1, 6_000))
def test_a_compacted_conversation_fits_is_valid_and_keeps_what_is_being_worked_on(body: Json, budget: int) -> None:
    before = copy.deepcopy(body)
    made = compact(body, budget)
    assert body == before
    whole = estimate_tokens(body)
    if made is None:
        assert least_tokens(body) > budget or whole > budget
        return
    after = {**body, "messages": made.messages}
    assert validate(after) is None
    assert estimate_tokens(after) <= min(budget, max(whole, made.compacted_tokens))
    assert len(orjson.dumps(after)) <= len(orjson.dumps(body)) + 200 * len(made.left_out)
    starts = turn_starts(body["messages"])
    last = starts[-1] if starts else 0
    tail = body["messages"][last:]
    assert made.messages[len(made.messages) - len(tail) :] == tail
    system = [message for message in body["messages"] if message["role"] in ("system", "developer")]
    assert [message for message in made.messages if message["role"] in ("system", "developer")] == system
    assert _results_follow_calls(made.messages) >= _results_follow_calls(body["messages"])


@settings(max_examples=80)
@given(bodies, st.integers(1, 6_000))
def test_what_was_compacted_is_left_as_it_is(body: Json, budget: int) -> None:
    if made := compact(body, budget):
        again = compact({**body, "messages": made.messages}, budget)
        assert again and again.messages == made.messages and not again.left_out


@settings(max_examples=80)
@given(bodies, st.integers(1, 6_000))
def test_it_fits_wherever_the_least_size_says_so(body: Json, budget: int) -> None:
    if least_tokens(body) <= budget:
        assert compact(body, budget) is not None


@settings(max_examples=80)
@given(bodies, st.integers(1, 6_000))
def test_every_place_that_lacks_something_is_told(body: Json, budget: int) -> None:
    made = compact(body, budget)
    if made is None:
        return
    for index, message in enumerate(body["messages"]):
        if not any(kept is message or kept == message for kept in made.messages):
            assert any(one.first <= index <= one.last for one in made.left_out)
    assert bool(made.left_out) == (made.messages != body["messages"])
    assert all(one.tokens > 0 for one in made.left_out)


@settings(max_examples=60)
@given(long_conversations(), st.integers(200, 6_000))
def test_a_prompt_that_still_fits_begins_as_the_one_before_it_did(messages: list[Json], budget: int) -> None:
    ends = [i for i in range(1, len(messages)) if messages[i]["role"] == "assistant"] + [len(messages)]
    before: list[Json] | None = None
    length = 0
    for end in ends:
        made = compact({"messages": messages[:end]}, budget)
        if made is None:
            continue
        if before is not None and made.messages[: len(before)] != before:
            grown = [*before, *messages[length:end]]
            assert estimate_tokens({"messages": grown}) + len(grown) > budget
        before, length = made.messages, end


def _results_follow_calls(messages: list[Json]) -> bool:
    """Whether every result belongs to a call before it, and every call has as many results as it had."""
    called: list[str] = []
    answered: list[str] = []
    for message in messages:
        called += [call["id"] for call in message.get("tool_calls") or ()]
        if message["role"] == "tool":
            answered.append(message["tool_call_id"])
    return set(answered) <= set(called) and sorted(set(called)) == sorted(set(answered))
