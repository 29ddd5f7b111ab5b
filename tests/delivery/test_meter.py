"""What a call used that ended early, or that nobody counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.delivery.meter import Meter
from gateway_core.exchange import Exchange
from gateway_core.model import Counted, Target, Tier, Usage
from gateway_core.providers.base import Piece
from gateway_core.wire.openai_chat import make_chunk
from tests.providers.calls import make_call

THINKER = Target(Tier.PREMIUM, "anthropic", "claude-sonnet-5-5", free=False)
PLAIN = Target(Tier.CHEAP, "groq", "llama-3.3-70b-versatile", free=False)
LIMIT = 8000


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def metered(target: Target, clock: Clock, *, limit: int | None = LIMIT, paid: bool = True, **body: Any) -> Meter:
    request = make_call().request
    request = replace(request, body={**request.body, **body})
    return Meter(Exchange(request, 0.0, target=target), paid=paid, limit=limit, monotonic=clock)


def said(text: str, usage: Usage | None = None, finish: str | None = None) -> Piece:
    return Piece(make_chunk("c", "m", {"content": text} if text else {}, finish=finish, created=1), usage)


def test_thinking_that_nobody_saw_is_charged_by_the_time_it_took() -> None:
    meter = metered(THINKER, clock := Clock())
    meter.see(Piece(make_chunk("c", "m", {"role": "assistant"}, created=1), Usage(50, 1)))
    clock.now = 6.0
    assert meter.usage() == Usage(50, 6 * 500, estimated=True, output_counted=Counted.CEILING)


def test_it_is_never_more_than_the_output_limit() -> None:
    meter = metered(THINKER, clock := Clock())
    clock.now = 600.0
    assert meter.usage().output_tokens == LIMIT


def test_what_arrived_counts_up_to_the_limit_that_the_upstream_was_told() -> None:
    meter = metered(PLAIN, Clock(), limit=3)
    meter.see(said("one two three four five six seven eight"))
    assert meter.usage().output_tokens == 3


def test_more_than_the_limit_can_hold_is_too_much() -> None:
    meter = metered(PLAIN, Clock(), limit=3)
    meter.see(said("x" * (3 * 32 + 1024)))
    assert not meter.is_past_limit
    meter.see(said("y"))
    assert meter.is_past_limit
    assert meter.usage().output_tokens == 3


def test_the_pace_of_a_stream_is_not_thinking_but_a_long_pause_is() -> None:
    meter = metered(THINKER, clock := Clock())
    for _ in range(20):
        meter.see(said("word "))
        clock.now += 0.5
    paced = meter.usage().output_tokens
    assert paced < 200
    clock.now += 2.0
    assert meter.usage().output_tokens == paced + int(2.5 * 500)


def test_a_model_that_shows_its_thinking_is_charged_by_what_arrived() -> None:
    meter = metered(PLAIN, clock := Clock())
    clock.now = 60.0
    meter.see(said("word"))
    assert meter.usage().output_tokens <= 4


@pytest.mark.parametrize(
    ("target", "body", "hidden"),
    [
        (Target(Tier.PREMIUM, "anthropic", "claude-opus-4-8", free=False), {}, False),
        (Target(Tier.PREMIUM, "anthropic", "claude-opus-4-8", free=False), {"reasoning_effort": "high"}, True),
        (Target(Tier.PREMIUM, "anthropic", "claude-opus-4-8", free=False), {"thinking": {"type": "adaptive"}}, True),
        (Target(Tier.PREMIUM, "anthropic", "claude-opus-4-8", free=False), {"thinking": {"type": "disabled"}}, False),
        (Target(Tier.CHEAP, "openai", "gpt-5.6-luna", free=False), {}, True),
        (Target(Tier.CHEAP, "openai", "gpt-5.6-luna", free=False), {"reasoning_effort": "none"}, False),
        (Target(Tier.CHEAP, "openai", "gpt-4.1", free=False), {}, False),
    ],
)
def test_who_thinks_unseen(target: Target, body: dict[str, Any], hidden: bool) -> None:
    meter = metered(target, clock := Clock(), **body)
    clock.now = 2.0
    assert (meter.usage().output_tokens > 0) == hidden


def test_a_count_that_came_with_the_end_is_believed_though_the_stream_was_cut() -> None:
    meter = metered(THINKER, clock := Clock())
    meter.see(said("one two three", Usage(50, 1)))
    meter.see(said("", Usage(50, 7), finish="stop"))
    clock.now = 9.0
    assert meter.usage() == Usage(50, 7)


def test_a_count_from_before_the_end_is_not() -> None:
    meter = metered(PLAIN, Clock())
    meter.see(said("one two three four five six seven", Usage(50, 1)))
    assert meter.usage().output_tokens > 7 and meter.usage().estimated


@pytest.mark.parametrize("reported", [Usage(50, 1), Usage(50, 0)])
def test_a_count_is_not_of_what_was_written_after_it(reported: Usage) -> None:
    meter = metered(PLAIN, Clock())
    meter.see(Piece(make_chunk("c", "m", {"role": "assistant"}, created=1), reported))
    for _ in range(200):
        meter.see(said("words "))
    meter.see(said("", finish="stop"))
    meter.complete = True
    usage = meter.usage()
    assert usage.output_tokens >= 400 and usage.output_counted is Counted.CEILING
    assert usage.input_tokens == 50 and usage.input_counted is Counted.MEASURED


def test_a_count_that_comes_with_each_word_counts_that_word_too() -> None:
    meter = metered(PLAIN, Clock())
    for number in range(1, 4):
        meter.see(said("words ", Usage(50, number)))
    meter.see(said("", finish="stop"))
    meter.complete = True
    assert meter.usage() == Usage(50, 3)


def test_an_answer_without_a_count_is_charged_for_what_was_thought_meanwhile() -> None:
    meter = metered(THINKER, clock := Clock())
    clock.now = 4.0
    meter.see(said("word"))
    meter.see(said("", finish="stop"))
    meter.complete = True
    assert meter.usage().output_tokens >= 2000


def test_free_answers_are_never_charged_for_time() -> None:
    meter = metered(replace(THINKER, free=True), clock := Clock(), paid=False, limit=None)
    clock.now = 60.0
    assert meter.usage().output_tokens == 0


@pytest.mark.parametrize(
    ("paid", "complete", "reported", "known"),
    [
        (True, True, Usage(50, 7), (Counted.MEASURED, Counted.MEASURED)),
        (True, False, Usage(50, 1), (Counted.MEASURED, Counted.CEILING)),
        (True, False, None, (Counted.CEILING, Counted.CEILING)),
        (True, True, None, (Counted.CEILING, Counted.CEILING)),
        (True, True, Usage(0, 7), (Counted.CEILING, Counted.MEASURED)),
        (False, False, None, (Counted.CEILING, Counted.CEILING)),
        (False, True, None, (Counted.ESTIMATED, Counted.ESTIMATED)),
        (False, True, Usage(50, 0), (Counted.MEASURED, Counted.ESTIMATED)),
    ],
)
def test_a_number_says_how_it_is_known(
    paid: bool, complete: bool, reported: Usage | None, known: tuple[Counted, Counted]
) -> None:
    meter = metered(PLAIN, Clock(), paid=paid)
    meter.see(said("one two three", reported))
    meter.complete = complete
    usage = meter.usage()
    assert (usage.input_counted, usage.output_counted) == known
    assert usage.estimated == (known != (Counted.MEASURED, Counted.MEASURED))


def test_a_prompt_that_server_tools_may_read_again_is_not_counted_yet() -> None:
    meter = metered(THINKER, Clock(), web_search_options={})
    meter.see(said("one", Usage(50, 1)))
    assert meter.usage().input_counted is Counted.ESTIMATED
