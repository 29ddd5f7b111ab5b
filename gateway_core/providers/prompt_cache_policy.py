"""Which lifetime of Anthropic's prompt cache pays, told from how often a prompt comes back."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway_core.frozen import frozen
from gateway_core.model import ClientView
from gateway_core.providers.rates import Rates
from gateway_core.wire.prompt_cache import Ttl

_MARGIN_S = 5.0
"""The road to Anthropic takes time: who comes back this late before the end is counted as too late."""
_MEMORY = 0.93
"""What a gap still counts when the next one is seen: the last fourteen make up the rhythm."""
_PRIOR_WEIGHT = 2.0
_KEEP = 0.08
"""How much less another lifetime must cost before the present one is given up."""


@frozen
class Ratios:
    """What a token costs written and read, in plain input tokens."""

    read: float
    write_5m: float
    write_1h: float

    def write(self, ttl: Ttl) -> float:
        return self.write_5m if ttl is Ttl.SHORT else self.write_1h


def ratios_of(rates: Rates) -> Ratios:
    """The ratios of a price list; those of a model that costs nothing say that caching is for nothing either."""
    if not rates.input:
        return Ratios(1.0, 1.0, 1.0)
    read, short, long = (
        float(price / rates.input) for price in (rates.cache_read, rates.cache_write_5m, rates.cache_write_1h)
    )
    return Ratios(read, short, long)


@frozen
class Chances:
    """How likely a prompt's next use comes within 5 minutes, and within the hour, of this one's start."""

    short: float
    long: float

    def within(self, ttl: Ttl) -> float:
        return self.short if ttl is Ttl.SHORT else self.long


def expected_cost(ttl: Ttl | None, chances: Chances, ratios: Ratios, fresh: float = 0.0) -> float:
    """What a token of the prompt costs at each use in the long run, in plain input tokens.

    ``fresh`` is the share of the marked prompt that is new each time: it is always written. The rest is read where the
    use before was not too long ago, else written again. Without a marker every token costs 1.
    """
    if ttl is None:
        return 1.0
    hit, write = chances.within(ttl), ratios.write(ttl)
    return fresh * write + (1 - fresh) * (hit * ratios.read + (1 - hit) * write)


def choose(chances: Chances, ratios: Ratios, fresh: float = 0.0, present: Ttl | None = None) -> Ttl | None:
    """The lifetime that costs least, None where no marker pays.

    ``present`` is what the prompt was marked with last: it stays unless another is clearly better, since what was
    written for an hour is not written again for less.
    """
    options: tuple[Ttl | None, ...] = (None, Ttl.SHORT, Ttl.LONG)
    costs = {ttl: expected_cost(ttl, chances, ratios, fresh) for ttl in options}
    best = min(options, key=lambda ttl: costs[ttl])
    return present if present and costs[present] <= min(costs[best] * (1 + _KEEP), costs[None]) else best


@dataclass(slots=True)
class Rhythm:
    """When a prompt came, as far as it matters: the shares of gaps within 5 minutes, within the hour, and longer."""

    prior: Chances
    last_at: float | None = None
    _short: float = field(default=0.0)
    _long: float = field(default=0.0)
    _seen: float = field(default=0.0)

    def note(self, at: float, same: bool = True) -> None:
        """A use of the prompt began at ``at`` (Unix seconds). ``same`` is False where it was no longer the prompt."""
        if self.last_at is not None:
            gap = max(0.0, at - self.last_at)
            self._short = self._short * _MEMORY + (same and gap <= Ttl.SHORT.seconds - _MARGIN_S)
            self._long = self._long * _MEMORY + (same and gap <= Ttl.LONG.seconds - _MARGIN_S)
            self._seen = self._seen * _MEMORY + 1
        self.last_at = at

    @property
    def chances(self) -> Chances:
        weight = _PRIOR_WEIGHT + self._seen
        return Chances(
            (self.prior.short * _PRIOR_WEIGHT + self._short) / weight,
            (self.prior.long * _PRIOR_WEIGHT + self._long) / weight,
        )


_TALK = Chances(0.7, 0.8)
"""A person talks on within minutes, or an agent loops over its tools."""
_ONCE = Chances(0.1, 0.15)
_PRIORS = {
    "heartbeat": Chances(0.3, 0.9),  # every 30 minutes, OpenClaw's default
    "cron": Chances(0.5, 0.6),
    "recap": _ONCE,
    "title": _ONCE,
}


def prior_of(view: ClientView, tools: bool, turns: int) -> Chances:
    """What to expect of a prompt that was never seen: its purpose tells, then whether it is part of a conversation."""
    if view.purpose in _PRIORS:
        return _PRIORS[view.purpose]
    return _TALK if tools or turns > 1 or view.session else _ONCE
