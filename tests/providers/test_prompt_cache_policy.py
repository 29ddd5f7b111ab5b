"""Which lifetime pays: the model of costs, and what it costs over simulated streams of requests."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model import ClientView, Lane
from gateway_core.providers.pricing import Pricing
from gateway_core.providers.prompt_cache_policy import (
    Chances,
    Ratios,
    Rhythm,
    choose,
    expected_cost,
    prior_of,
    ratios_of,
)
from gateway_core.settings import Price
from gateway_core.wire.prompt_cache import Ttl

RATIOS = Ratios(0.1, 1.25, 2.0)
SHORT, LONG = Ttl.SHORT, Ttl.LONG


def view(purpose: str = "chat", session: str | None = "s") -> ClientView:
    return ClientView("openclaw", session, Lane.INTERACTIVE, "", "", (), in_tool_loop=False, purpose=purpose)


def test_ratios_come_from_the_price_list() -> None:
    prices = Pricing({"anthropic/own": Price(input=4, output=1, cache_read=1, cache_write_5m=6, cache_write_1h=10)})
    assert ratios_of(prices.rates("anthropic", "own")) == Ratios(0.25, 1.5, 2.5)
    assert ratios_of(prices.rates("anthropic", "claude-opus-5-5")) == Ratios(0.05, 1.25, 2.0)
    free = Pricing({"anthropic/free": Price(input=0, output=0)})
    assert ratios_of(free.rates("anthropic", "free")) == Ratios(1.0, 1.0, 1.0)


def test_the_expected_cost_is_what_reads_and_writes_cost() -> None:
    assert expected_cost(None, Chances(0.5, 0.5), RATIOS) == 1
    assert expected_cost(SHORT, Chances(0.5, 1), RATIOS) == pytest.approx(0.5 * 0.1 + 0.5 * 1.25)
    assert expected_cost(LONG, Chances(0.5, 1), RATIOS) == pytest.approx(0.1)
    assert expected_cost(LONG, Chances(0.5, 1), RATIOS, fresh=0.2) == pytest.approx(0.8 * 0.1 + 0.2 * 2)


def test_a_marker_must_pay() -> None:
    """A 5-minute write pays from a chance of 22 % on (0.25 more now, 1.15 less when it is read)."""
    assert choose(Chances(0.21, 0.21), RATIOS) is None
    assert choose(Chances(0.23, 0.23), RATIOS) is SHORT
    assert choose(Chances(0.0, 0.52), RATIOS) is None
    assert choose(Chances(0.0, 0.54), RATIOS) is LONG


def test_what_was_written_for_an_hour_is_kept_unless_another_is_clearly_better() -> None:
    even = Chances(0.55, 0.717)
    assert choose(even, RATIOS) is SHORT
    assert choose(even, RATIOS, present=LONG) is LONG
    assert choose(Chances(0.95, 0.96), RATIOS, present=LONG) is SHORT
    assert choose(Chances(0.0, 0.0), RATIOS, present=LONG) is None


def test_the_first_request_gets_five_minutes_unless_its_purpose_says_otherwise() -> None:
    def first(purpose: str = "chat", session: str | None = "s", tools: bool = True, turns: int = 1) -> Ttl | None:
        return choose(Rhythm(prior_of(view(purpose, session), tools, turns)).chances, RATIOS, 0.05)

    assert first() is SHORT
    assert first("heartbeat") is LONG
    assert first("cron") is SHORT
    assert first("recap") is first("title") is None
    assert first(session=None, tools=False) is None
    assert first(session=None, tools=False, turns=3) is SHORT


def test_heartbeats_every_half_hour_are_kept_for_an_hour() -> None:
    rhythm = Rhythm(prior_of(view(), True, 1))
    chosen = []
    for beat in range(6):
        rhythm.note(beat * 1800.0)
        chosen.append(choose(rhythm.chances, RATIOS, 0.02))
    assert chosen[0] is SHORT
    assert chosen[-1] is LONG


def test_a_prompt_that_never_comes_back_in_time_is_soon_not_written_any_more() -> None:
    rhythm = Rhythm(prior_of(view(), True, 1))
    chosen = []
    for day in range(12):
        rhythm.note(day * 86_400.0)
        chosen.append(choose(rhythm.chances, RATIOS, 0.02))
    assert None in chosen[:7]
    assert set(chosen[chosen.index(None) :]) == {None}


def test_a_clock_that_runs_backwards_is_no_gap() -> None:
    rhythm = Rhythm(Chances(0.5, 0.5))
    rhythm.note(100.0)
    rhythm.note(50.0)
    assert rhythm.chances.short > 0.5


# --- over simulated streams ----------------------------------------------------------------------------------------

Policy = Callable[[Rhythm, Ttl | None], Ttl | None]
Gaps = Callable[[random.Random], float]
STREAMS: dict[str, Gaps] = {
    "a person who talks": lambda rng: rng.expovariate(1 / 90),
    "heartbeats": lambda rng: 1800 + rng.uniform(-5, 5),
    "tool loops between long pauses": lambda rng: rng.choice([4, 6, 9, 12, 20, 30, 45, 2400]),
    "tool loops between very long pauses": lambda rng: rng.choice([4, 6, 9, 12, 20, 30, 45, 9000]),
    "now and then": lambda rng: rng.expovariate(1 / 1500),
    "once a day": lambda rng: rng.uniform(70_000, 100_000),
    "just within five minutes": lambda rng: rng.uniform(200, 290),
    "just beyond five minutes": lambda rng: rng.uniform(310, 500),
    "anything": lambda rng: 10 ** rng.uniform(0, 5),
}


def cost(gaps: list[float], policy: Policy, fresh: float) -> float:
    """What a token of a prompt costs over a stream, in plain input tokens, by the rules of the cache.

    At each request ``fresh`` of the prompt is new. A read renews the entry for the life it was written with.
    """
    rhythm, present, until, life = Rhythm(prior_of(view(), True, 1)), None, -1.0, 0.0
    at = total = 0.0
    for gap in [0.0, *gaps]:
        at += gap
        rhythm.note(at)
        present = policy(rhythm, present)
        hit = at <= until
        rest = RATIOS.write(present) if present else 1.0
        total += fresh * rest + (1 - fresh) * (RATIOS.read if hit and present else rest)
        if present and not hit:
            life = present.seconds
        if present:
            until = at + life
    return total


@pytest.mark.parametrize("name", STREAMS)
@given(seed=st.integers(0, 10_000), fresh=st.sampled_from([0.0, 0.02, 0.1]))
def test_the_chosen_lifetimes_cost_little_more_than_the_best_fixed_one(name: str, seed: int, fresh: float) -> None:
    """At most 15 % more than always 5 minutes, always an hour or never, plus two prompts for learning."""
    rng = random.Random(seed)
    gaps = [STREAMS[name](rng) for _ in range(150)]
    chosen = cost(gaps, lambda rhythm, present: choose(rhythm.chances, RATIOS, fresh, present), fresh)
    assert chosen <= min(cost(gaps, always(ttl), fresh) for ttl in (None, SHORT, LONG)) * 1.15 + 2


def always(ttl: Ttl | None) -> Policy:
    return lambda rhythm, present: ttl
