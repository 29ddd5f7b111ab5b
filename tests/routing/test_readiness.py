"""What is told of tiers that cannot answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model import Target, Tier
from gateway_core.routing.landscape import Landscape, Option
from gateway_core.routing.readiness import shortfall
from gateway_core.wire import errors
from tests.routing.requests import CHEAP, LOCAL, PREMIUM, landscape

GONE = Option(unavailable="Ollama does not answer", lost=True)
NO_KEY = Option(unavailable="GROQ_API_KEY is not set")
BUILTIN = Target(Tier.LOCAL, "local", "builtin", free=True)
STANDS_IN = Option(BUILTIN, unavailable="Ollama does not answer", stands_in=True, lost=True)
GPT = Target(Tier.PREMIUM, "openai", "gpt-6", free=False)


def told(where: Landscape, *down: Target) -> str:
    return shortfall(where, lambda target: "is not called now" if target in down else "")


@pytest.mark.parametrize(
    "where",
    [
        landscape(),
        landscape(cheap=NO_KEY, premium=NO_KEY),
        landscape(local=Option(BUILTIN, stands_in=True), cheap=NO_KEY, premium=NO_KEY),
        landscape(local=Option(unavailable="LOCAL_LLM_ENABLED is off")),
        landscape(premium=(Option(PREMIUM), Option(GPT))),
    ],
)
def test_what_is_set_up_and_answers_is_no_fault_and_neither_is_what_was_never_set_up(where: Landscape) -> None:
    assert told(where) == ""


def test_a_second_provider_keeps_a_tier_able() -> None:
    both = landscape(premium=(Option(PREMIUM), Option(GPT)))
    assert told(both, PREMIUM) == ""
    assert told(both, PREMIUM, GPT).startswith("Premium cannot answer (anthropic is not called now): cheap answers")


@pytest.mark.parametrize(
    ("more", "instead"),
    [
        ({}, "cheap answers instead, for money"),
        ({"cheap": NO_KEY}, "premium answers instead, for money"),
        ({"cheap": Option(replace(CHEAP, free=True))}, "cheap answers instead"),
        ({"cheap": NO_KEY, "premium_blocked": True}, "nothing answers instead"),
        ({"paid_refusal": errors.budget_exceeded(50_000_000, 50_000_000)}, "nothing answers instead"),
    ],
)
def test_a_lost_local_server_says_who_answers_and_that_it_costs(more: dict[str, Any], instead: str) -> None:
    assert told(landscape(local=GONE, **more)) == f"Local cannot answer (Ollama does not answer): {instead}."


def test_the_built_in_model_in_a_lost_servers_place_answers_only_where_no_other_tier_can() -> None:
    assert told(landscape(local=STANDS_IN)).endswith("cheap answers instead, for money.")
    assert told(landscape(local=STANDS_IN, cheap=NO_KEY, premium=NO_KEY)).endswith(
        "the built-in model answers instead."
    )
    assert told(landscape(local=STANDS_IN, cheap=NO_KEY), PREMIUM) == (
        "Local cannot answer (Ollama does not answer): the built-in model answers instead. "
        "Premium cannot answer (anthropic is not called now): the built-in model answers instead."
    )


def test_where_nobody_can_it_says_why_of_each() -> None:
    assert told(landscape(local=GONE, cheap=NO_KEY), PREMIUM) == (
        "Nothing can answer. local: Ollama does not answer; premium: anthropic is not called now."
    )


def test_a_forced_tier_is_all_that_counts() -> None:
    assert told(landscape(local=GONE, forced=Tier.PREMIUM)) == ""
    assert told(landscape(cheap=NO_KEY, forced=Tier.CHEAP)) == (
        "The forced tier cannot answer. cheap: GROQ_API_KEY is not set."
    )
    assert told(landscape(forced=Tier.LOCAL), LOCAL) == "The forced tier cannot answer. local: local is not called now."
