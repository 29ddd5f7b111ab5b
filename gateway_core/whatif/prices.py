"""What all requests of a history would cost with one model: whole micro-dollars, rounded up once for each request."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal

import numpy as np

from gateway_core.frozen import frozen
from gateway_core.providers.rates import Rates
from gateway_core.whatif.history import Codes, Flags, History, Ints

_SCALE = 1_000_000
"""Rates are whole millionths of a micro-dollar here, so that a hundred million tokens at a thousand dollars a million
stay exact."""
_LOW = np.array([[1, 1], [1, 2], [0, 1]])
_HIGH = np.array([[1, 1], [2, 1], [1, 1]])
"""By how tokens are known, what to multiply by and to divide by. What nobody counted is about so much: half to twice
(an estimated answer is half of what it can have been). A ceiling cannot be more, and may be nothing."""


@frozen
class Priced:
    """Micro-dollars of each request; ``low`` and ``high`` differ from ``cost`` where tokens were not counted."""

    cost: Ints
    low: Ints
    high: Ints


def priced(history: History, rates: tuple[Rates, ...], *, prompt_cache: bool) -> Priced:
    """The prices of a history with a model of these ``rates``; all 0 where it has none.

    With ``prompt_cache`` a prompt is read from and written to the provider's cache as its session's were.
    """
    if not rates:
        nothing = np.zeros(history.many, np.int64)
        return Priced(nothing, nothing, nothing)
    cost = _cost(history.input_tokens, history.output_tokens, history, rates, prompt_cache)
    low, high = cost, cost
    unsure = (history.input_counted > 0) | (history.output_counted > 0)
    if unsure.any():
        low, high = (_bound(history, rates, unsure, cost, factors, prompt_cache) for factors in (_LOW, _HIGH))
    return Priced(cost, low, high)


def _bound(
    history: History, rates: tuple[Rates, ...], unsure: Flags, cost: Ints, factors: Ints, prompt_cache: bool
) -> Ints:
    prompt = _times(history.input_tokens, history.input_counted, factors)
    output = _times(history.output_tokens, history.output_counted, factors)
    bound: Ints = np.where(unsure, _cost(prompt, output, history, rates, prompt_cache), cost)
    return bound


def _times(tokens: Ints, counted: Codes, factors: Ints) -> Ints:
    found: Ints = tokens * factors[counted, 0] // factors[counted, 1]
    return found


def _cost(prompt: Ints, output: Ints, history: History, rates: tuple[Rates, ...], prompt_cache: bool) -> Ints:
    read, written = np.zeros_like(prompt), np.zeros_like(prompt)
    if prompt_cache:
        read = np.minimum(history.read_tokens, prompt)
        written = np.minimum(history.write_tokens, prompt - read)
    kinds = ("input", "cache_read", "cache_write_5m", "output", "request")
    if len(rates) == 1:
        plain, reads, writes, out, request = (_scaled(getattr(rates[0], kind)) for kind in kinds)
        total = (prompt - read - written) * plain + read * reads + written * writes + output * out + request
    else:
        tier = np.searchsorted([rate.above_tokens for rate in rates], prompt, side="left") - 1
        tier = np.maximum(tier, 0)
        total = np.zeros_like(prompt)
        tokens = (prompt - read - written, read, written, output, np.ones_like(prompt))
        for many, kind in zip(tokens, kinds, strict=True):
            total += many * _column(rates, kind)[tier]
    cost: Ints = -(-total // _SCALE)
    return cost


def _column(rates: Sequence[Rates], kind: str) -> Ints:
    return np.array([_scaled(getattr(rate, kind)) for rate in rates], np.int64)


def _scaled(rate: Decimal) -> int:
    return int((rate * _SCALE).to_integral_value(ROUND_CEILING))
