"""What becomes of prompts on their way to Claude: markers, lifetimes, and why a cache was not read."""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.clients import read_client
from gateway_core.model import ApiKind, ChatRequest, JsonObject, Reason, Target, Tier, Usage
from gateway_core.providers.anthropic import AnthropicProvider
from gateway_core.providers.base import UpstreamCall, UpstreamError
from gateway_core.providers.prompt_cache import PromptCaching
from gateway_core.providers.prompt_cache_policy import Ratios
from gateway_core.wire.anthropic_messages import to_messages
from gateway_core.wire.tokens import measure
from tests.clients.recorded import recorded_session
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Failure, Reply
from tests.providers.calls import collect
from tests.wire.strategies import FIELDS, anything_at_all

MODEL = "claude-sonnet-5-5"
SYSTEM = {"role": "system", "content": "You are careful. " * 400}
READ = {
    "type": "function",
    "function": {"name": "read", "description": "Read a file.", "parameters": {"type": "object", "properties": {}}},
}


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Desk:
    """A provider before a fake Claude, both on one clock, and what was remarked of each request."""

    fake: FakeAnthropic
    claude: AnthropicProvider
    clock: Clock
    remarks: list[list[Reason]] = field(default_factory=list)

    def call(
        self, body: JsonObject, headers: dict[str, str] | None = None, model: str = MODEL, **more: Any
    ) -> UpstreamCall:
        told: list[Reason] = []
        self.remarks.append(told)
        body = {"model": "gateway-auto", "stream": True, **body}
        request = ChatRequest(
            f"req_{len(self.remarks)}",
            0.0,
            "caller",
            body,
            "gateway-auto",
            bool(body["stream"]),
            read_client(body, headers or {}),
            measure(body),
        )
        return UpstreamCall(replace(request, **more), Target(Tier.PREMIUM, "anthropic", model, False), 50, told.append)

    async def ask(self, body: JsonObject, headers: dict[str, str] | None = None, model: str = MODEL) -> JsonObject:
        """Sends a request; returns the usage that was reported."""
        await collect(self.claude, self.call(body, headers, model))
        return self.fake.usages[-1]

    def broke(self) -> list[str]:
        """Why the cache of the last request was not read."""
        return [reason.text for reason in self.remarks[-1] if reason.step == "cache break"]

    def marked(self) -> list[str]:
        return [reason.text for reason in self.remarks[-1] if reason.step == "prompt cache"]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = Clock()
    async with FakeAnthropic(now=clock) as fake:
        claude = AnthropicProvider(base_url=fake.base_url, api_key=fake.key, first_byte_s=30, now=clock)
        yield Desk(fake, claude, clock)
        await claude.close()
        assert fake.rejected == []


def talk(*words: str, session: str = "s-1", **more: Any) -> JsonObject:
    """A conversation whose turns say these words, the user's first."""
    turns = [{"role": ("user", "assistant")[at % 2], "content": word} for at, word in enumerate(words)]
    return {"messages": [SYSTEM, *turns], "tools": [READ], "prompt_cache_key": session, **more}


async def test_the_next_turn_reads_what_the_one_before_wrote(desk: Desk) -> None:
    first = await desk.ask(talk("one"))
    assert first["cache_creation_input_tokens"] > 1000
    second = await desk.ask(talk("one", "Hello.", "two"))
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"]
    assert desk.broke() == []
    [marked] = desk.marked()
    assert marked == (
        "Breakpoints at system[0] (5 min), messages[0].content[0] (5 min), messages[2].content[0] (5 min)"
    )


async def test_the_body_of_the_caller_is_not_touched(desk: Desk) -> None:
    body = talk("one")
    before = copy.deepcopy(body)
    await desk.ask(body)
    assert body == before


async def test_a_whole_answer_is_watched_too(desk: Desk) -> None:
    await desk.ask(talk("one", stream=False))
    assert (await desk.ask(talk("one", "Hello.", "two", stream=False)))["cache_read_input_tokens"]
    assert desk.marked()


# --- lifetimes -----------------------------------------------------------------------------------------------------


async def test_a_session_with_half_hour_gaps_is_kept_for_an_hour(desk: Desk) -> None:
    words = ["one"]
    for turn in range(5):
        usage = await desk.ask(talk(*words))
        words += ["Hello.", f"turn {turn}"]
        desk.clock.seconds += 1800
    assert usage["cache_read_input_tokens"] > 1000
    assert usage["cache_creation"]["ephemeral_1h_input_tokens"] > 0
    assert desk.fake.requests[0]["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert desk.fake.requests[-1]["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


async def test_a_cache_kept_for_an_hour_is_not_written_again_when_the_talk_gets_quick(desk: Desk) -> None:
    words = ["one"]
    gaps = [1800.0] * 5 + [20.0] * 30 + [1800.0]
    for gap in gaps:
        await desk.ask(talk(*words))
        words += ["Hello.", "on"]
        desk.clock.seconds += gap
    whole = [usage for usage in desk.fake.usages if usage["cache_creation_input_tokens"] > 1000]
    assert len(whole) <= 2
    assert all(usage["cache_read_input_tokens"] > 1000 for usage in desk.fake.usages[2:])


async def test_single_shots_and_utility_calls_are_not_written(desk: Desk) -> None:
    recap = {"role": "system", "content": "Write an Activity recap of what is given. " * 200}
    usage = await desk.ask({"messages": [SYSTEM, {"role": "user", "content": "question"}]})
    assert (usage["cache_creation_input_tokens"], desk.marked()) == (0, [])
    for number in range(6):
        said = {"role": "user", "content": f"messages {number}"}
        usage = await desk.ask({"messages": [recap, said], "prompt_cache_key": "s-1"})
        assert (usage["cache_creation_input_tokens"], desk.marked()) == (0, [])
        desk.clock.seconds += 4000


async def test_of_calls_that_have_only_their_front_in_common_only_that_is_written(desk: Desk) -> None:
    """The words of a recap never come again: however often one is asked for, they are not written."""
    recap = {"role": "system", "content": "Write an Activity recap of what is given. " * 200}
    for number in range(8):
        said = {"role": "user", "content": f"messages {number}"}
        usage = await desk.ask({"messages": [recap, said], "prompt_cache_key": "s-1"})
        assert not any("messages" in text for text in desk.marked())
        desk.clock.seconds += 20
    assert usage["cache_read_input_tokens"] > 1000
    assert desk.broke() == []


async def test_a_system_prompt_that_many_conversations_share_is_written_once_it_pays(desk: Desk) -> None:
    for number in range(8):
        usage = await desk.ask({"messages": [SYSTEM, {"role": "user", "content": f"question {number}"}]})
        desk.clock.seconds += 10
    assert usage["cache_read_input_tokens"] > 1000
    assert "messages" not in desk.marked()[0]


async def test_a_try_that_is_repeated_is_no_gap_in_the_rhythm(desk: Desk) -> None:
    desk.fake.script(Failure(529), Failure(529), Failure(529))
    call = desk.call({"messages": [SYSTEM, {"role": "user", "content": "once"}]})
    for _ in range(3):
        with pytest.raises(Exception, match="529"):
            await collect(desk.claude, call)
    await collect(desk.claude, call)
    assert desk.fake.usages[-1]["cache_creation_input_tokens"] == 0
    assert desk.remarks[-1] == []


# --- why a cache was not read --------------------------------------------------------------------------------------


async def test_a_changed_message_is_named_with_its_first_differing_bytes(desk: Desk) -> None:
    await desk.ask(talk("The first word is plum.", "Hello.", "two"))
    await desk.ask(talk("The first word is pear.\x1b[31m", "Hello.", "two", "Yes.", "three"))
    [why] = desk.broke()
    assert "cached tokens were not read. Changed by the client: messages[0].content[0].text differs" in why
    assert "from character 19 on: was «The first word is plum.», now «The first word is pear.?[31m»" in why


async def test_a_changed_tool_is_named_by_its_path(desk: Desk) -> None:
    await desk.ask(talk("one"))
    changed = copy.deepcopy(READ)
    changed["function"]["description"] = "Read a folder."  # type: ignore[index]
    await desk.ask(talk("one", "Hello.", "two", tools=[changed]))
    assert (
        "tools[0].description differs from character 8 on: was «Read a file.», now «Read a folder.»" in desk.broke()[0]
    )


async def test_reordered_fields_count_as_a_change(desk: Desk) -> None:
    await desk.ask(talk("one"))
    parameters = {"properties": {}, "type": "object"}
    function = {"name": "read", "description": "Read a file.", "parameters": parameters}
    await desk.ask(talk("one", "Hello.", "two", tools=[{"type": "function", "function": function}]))
    assert "Changed by the client: tools[0].input_schema differs from character" in desk.broke()[0]


async def test_a_context_that_openclaw_takes_from_a_tool_loop_is_its_own_change(desk: Desk) -> None:
    """Over Responses it stands in front of the calls while the loop lasts."""
    first = recorded_session()[0]
    *before, carrier = first.body["messages"]
    call = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
    loop = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "plum"},
    ]
    await desk.ask({**first.body, "messages": [*before, carrier, *loop]}, first.headers)
    later = [*before, *loop, {"role": "assistant", "content": "Plum."}, {"role": "user", "content": "And?"}, carrier]
    await desk.ask({**first.body, "messages": later}, first.headers)
    assert "Changed by the client: messages[1].content[0] stands where messages[0].content[1] stood" in desk.broke()[0]


async def test_a_shortened_history_is_named(desk: Desk) -> None:
    await desk.ask(talk("one", "Hello.", "two", "Yes.", "three"))
    await desk.ask(talk("one"))
    assert "Changed by the client: messages[1].content[0] is no longer there: «assistant:{" in desk.broke()[0]


async def test_a_changed_tool_choice_is_named(desk: Desk) -> None:
    await desk.ask(talk("one", tool_choice="auto"))
    await desk.ask(talk("one", "Hello.", "two", tool_choice="none"))
    assert "Changed by the client: tool_choice.type differs" in desk.broke()[0]


async def test_what_our_translation_changes_is_not_blamed_on_the_client(desk: Desk) -> None:
    """A system message in the middle joins the others at the top: the client only added to what it had said."""
    await desk.ask(talk("one"))
    body = talk("one", "Hello.")
    body["messages"].append({"role": "system", "content": "Be quick."})
    body["messages"].append({"role": "user", "content": "two"})
    await desk.ask(body)
    assert (
        "Changed by the gateway's translation: system[1] stands where messages[0].content[0] stood" in desk.broke()[0]
    )


async def test_expiry_tells_the_age(desk: Desk) -> None:
    await desk.ask(talk("one"))
    desk.clock.seconds += 432
    await desk.ask(talk("one", "Hello.", "two"))
    assert "The 5-minute cache of the request before had expired: that was 7 min 12 s ago." in desk.broke()[0]


async def test_what_was_written_for_five_minutes_and_read_since_is_known_to_expire(desk: Desk) -> None:
    """The marker of an hour does not make an older entry live longer."""
    await desk.ask(marked_talk("one", ttl="5m"))
    desk.clock.seconds += 200
    await desk.ask(marked_talk("one", ttl="1h"))
    desk.clock.seconds += 400
    await desk.ask(marked_talk("one", ttl="1h"))
    assert "The 5-minute cache of the request before had expired: that was 6 min 40 s ago." in desk.broke()[0]


def marked_talk(words: str, ttl: str) -> JsonObject:
    """A conversation whose client sets its one marker itself."""
    part = {"type": "text", "text": words, "cache_control": {"type": "ephemeral", "ttl": ttl}}
    return {"messages": [SYSTEM, {"role": "user", "content": [part]}], "prompt_cache_key": "s-1"}


async def test_another_model_has_a_cache_of_its_own(desk: Desk) -> None:
    await desk.ask(talk("one"))
    await desk.ask(talk("one", "Hello.", "two"), model="claude-haiku-5-5")
    assert desk.broke() == [
        "The model changed from claude-sonnet-5-5 to claude-haiku-5-5, which has a cache of its own."
    ]
    await desk.ask(talk("one", "Hello.", "two", "Yes.", "three"))
    assert desk.broke() == []


async def test_a_provider_that_forgot_is_named(desk: Desk) -> None:
    await desk.ask(talk("one"))
    desk.fake.script(Reply(usage={"cache_read_input_tokens": 0, "cache_creation_input_tokens": 2000}))
    desk.clock.seconds += 3
    await desk.ask(talk("one", "Hello.", "two"))
    assert desk.broke()[0].endswith(
        "Anthropic read less than it had, though every byte is the same and the cache is 3 s old."
    )


async def test_requests_at_the_same_time_cannot_read_each_others_cache(desk: Desk) -> None:
    caching = PromptCaching(lambda model: Ratios(0.1, 1.25, 2.0), desk.clock)
    earlier, later = desk.call(talk("one")), desk.call(talk("one", "Hello.", "two"))
    first, second = [await caching.track(call, to_messages(call.request.body, MODEL, 9)) for call in (earlier, later)]
    for tracked in (first, second):
        desk.clock.seconds += 1
        with tracked:
            tracked.see(Usage(1, 1, cache_write_5m_tokens=1700))
    [why] = desk.broke()
    assert why.endswith("It was sent before the answer that writes the cache had begun.")


async def test_a_stream_that_is_cut_is_watched_as_far_as_it_came(desk: Desk) -> None:
    async with aclosing(desk.claude.send(desk.call(talk("one")))) as batches:
        async for batch in batches:
            assert batch[-1].usage
            break
    assert desk.marked()
    await desk.ask(talk("changed", "Hello.", "two"))
    assert "messages[0].content[0].text differs" in desk.broke()[0]


async def test_a_client_whose_own_marker_runs_too_far_ahead_gets_one_between(desk: Desk) -> None:
    def marked(count: int) -> JsonObject:
        parts = [{"type": "text", "text": f"part {number}"} for number in range(count)]
        parts[-1]["cache_control"] = {"type": "ephemeral"}  # type: ignore[assignment]
        return {"messages": [SYSTEM, {"role": "user", "content": parts}], "prompt_cache_key": "s-1"}

    written = (await desk.ask(marked(5)))["cache_creation_input_tokens"]
    assert (await desk.ask(marked(90)))["cache_read_input_tokens"] == written
    assert desk.broke() == []
    assert desk.marked()[0].startswith("The client marked")


async def test_native_bodies_are_marked_as_translated_ones_are(desk: Desk) -> None:
    """What matters is the finished body: the hook neither knows nor asks who made it."""
    caching = PromptCaching(lambda model: Ratios(0.1, 1.25, 2.0), desk.clock)
    body = {
        "model": MODEL,
        "max_tokens": 9,
        "system": "You are careful. " * 400,
        "messages": [{"role": "user", "content": "one"}],
    }
    call = desk.call(talk("one"), api=ApiKind.MESSAGES, native=body)
    with await caching.track(call, body) as tracked:
        assert tracked.body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert body["messages"] == [{"role": "user", "content": "one"}]


# --- OpenClaw ------------------------------------------------------------------------------------------------------


async def test_the_date_at_midnight_costs_the_messages_but_not_the_front(desk: Desk) -> None:
    first, second = recorded_session()[:2]
    await desk.ask(first.body, first.headers)
    tomorrow = copy.deepcopy(second.body)
    system = tomorrow["messages"][0]
    system["content"] = system["content"].replace("Current date: 2026-11-28", "Current date: 2026-11-29")
    usage = await desk.ask(tomorrow, second.headers)
    assert usage["cache_read_input_tokens"] > 9000
    assert usage["cache_creation_input_tokens"] < 2000
    assert "Changed by the client: system[1].text differs" in desk.broke()[0]
    assert "Current date: 2026-11-28" in desk.broke()[0] and "Current date: 2026-11-29" in desk.broke()[0]


async def test_a_tool_loop_of_sixty_blocks_is_still_read(desk: Desk) -> None:
    first = recorded_session()[0]
    body = copy.deepcopy(first.body)
    carrier = body["messages"].pop()
    await desk.ask({**body, "messages": [*body["messages"], carrier]}, first.headers)
    for number in range(30):
        called = {"id": f"c{number}", "type": "function", "function": {"name": "read", "arguments": "{}"}}
        said = {"role": "assistant", "content": f"Step {number}.", "tool_calls": [called]}
        body["messages"] += [said, {"role": "tool", "tool_call_id": f"c{number}", "content": "text"}]
    usage = await desk.ask({**body, "messages": [*body["messages"], carrier]}, first.headers)
    assert usage["cache_read_input_tokens"] > 11_000
    assert desk.broke() == []


async def test_a_body_nested_too_deeply_is_refused_as_without_a_cache(desk: Desk) -> None:
    """Tool calls hold JSON in strings, which nobody has measured before."""
    arguments = '{"a":' * 300 + "1" + "}" * 300
    called = {"id": "c", "type": "function", "function": {"name": "read", "arguments": arguments}}
    body = talk("one")
    body["messages"] += [
        {"role": "assistant", "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ]
    with pytest.raises(UpstreamError, match="nested too deeply"):
        await desk.ask(body)


@given(st.integers(0, 1_000_000))
def test_no_body_and_no_usage_gets_in_the_way_of_an_answer(seed: int) -> None:
    rng, clock, told = random.Random(seed), Clock(), list[Reason]()
    caching = PromptCaching(lambda model: Ratios(0.1, 1.25, 2.0), clock)
    body: JsonObject = {}
    for number in range(5):
        body = {**body, **{name: anything_at_all(rng) for name in FIELDS if rng.random() < 0.5}}
        view = read_client({"messages": [], "prompt_cache_key": "s-1"}, {})
        request = ChatRequest(
            f"{number}", 0, "c", body, "m", True, view, measure({}), api=ApiKind.MESSAGES, native=body
        )
        call = UpstreamCall(request, Target(Tier.PREMIUM, "anthropic", MODEL, False), 50, told.append)
        with asyncio.run(caching.track(call, body)) as tracked:
            tracked.see(Usage(1, 1, cache_read_tokens=rng.randrange(9), cache_write_5m_tokens=rng.randrange(2000)))
        clock.seconds += rng.randrange(900)
    assert all(reason.text.isprintable() for reason in told)
