"""Requests that fit a model only once they are compacted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model import ChatRequest, Decision, Refusal
from gateway_core.routing import compacting
from gateway_core.routing.landscape import Capabilities, Option
from gateway_core.routing.router import route
from tests.compaction.sessions import prompts_of_a_session
from tests.routing.requests import CHEAP, LOCAL, landscape, request

SMALL = Option(LOCAL, can=Capabilities(8_192))
COMPACTS = replace(SMALL, compacts=True)


def long_request(model: str = "gateway-background") -> ChatRequest:
    return request(model=model, messages=prompts_of_a_session(12)[-1])


def test_what_does_not_fit_goes_on_to_the_next_tier_unless_it_may_be_compacted() -> None:
    whole, compacted = (route(long_request(), landscape(local)) for local in (SMALL, COMPACTS))
    assert isinstance(whole, Decision) and whole.target == CHEAP
    assert isinstance(compacted, Decision) and compacted.target == LOCAL
    (reason,) = [reason for reason in compacted.reasons if reason.step == "compaction"]
    assert "qwen3:8b gets it compacted: about" in reason.text and "8,192" in reason.text


def test_a_named_tier_gets_it_compacted_and_else_says_which_setting_would_help() -> None:
    compacted, refused = (route(long_request("gateway-local"), landscape(local)) for local in (COMPACTS, SMALL))
    assert isinstance(compacted, Decision) and compacted.target == LOCAL
    assert isinstance(refused, Refusal) and refused.code == "context_length_exceeded"
    assert "CONTEXT_COMPACTION=on would let it fit qwen3:8b" in refused.message


def test_what_fits_nowhere_even_then_is_not_promised_anything() -> None:
    too_long = request("word " * 40_000, model="gateway-local")
    for local in (COMPACTS, SMALL):
        refused = route(too_long, landscape(local))
        assert isinstance(refused, Refusal) and refused.code == "context_length_exceeded"
        assert "CONTEXT_COMPACTION" not in refused.message


def test_nothing_is_worked_out_for_a_request_that_fits_or_may_not_be_compacted(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(body: Any) -> int:
        raise AssertionError("it was worked out")

    monkeypatch.setattr(compacting, "least_tokens", never)
    assert isinstance(route(request("Hello!"), landscape(COMPACTS)), Decision)
    assert isinstance(route(long_request(), landscape(SMALL)), Decision)
