"""How the upstreams are doing, as live traffic tells: who may be called now, who is retried, who is down and why.

Kept in memory only: a restart tries everybody again.
"""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.model import ProviderStatus, Target
from gateway_core.providers.base import UpstreamError
from gateway_core.providers.breaker import LONGEST_COOL_OFF_S, Breaker, CircuitState
from gateway_core.providers.retry_budget import RetryBudget

LONGEST_RETRY_AFTER_S = 5.0
"""A longer Retry-After is not slept on: the target is left alone until then, and the next one tried at once."""
LONGEST_PAUSE_S = 3600.0
"""A Retry-After beyond it is taken for this much: providers count days, and nobody checks their clocks."""
MISCONFIGURED_S = 600.0
"""How long a provider is left alone that does not take the gateway's key or account, or does not know a model."""
LONGEST_LOCAL_COOL_OFF_S = 30.0
"""A local server comes back when its owner starts it, and then should be used."""
MAX_CIRCUITS = 512
MAX_TRIES = 500
HOUR_S = 3600.0
_CALLERS_FAULT = ("context_length_exceeded", "invalid_request")
_ACCOUNT = (401, 402)

Notify = Callable[[str, str], None]
"""Hears a level (``info`` or ``warning``) and a text for people."""


@frozen
class Blocked:
    """A target that is not called now. ``why`` completes "NAME …", ``status`` is the HTTP status for the caller."""

    why: str
    wait_s: float
    status: int


@frozen
class Circuit:
    """One model's circuit for the metrics, open also while its whole provider is left alone."""

    provider: str
    model: str
    state: CircuitState


@frozen
class TargetHealth:
    """How one model does. ``wait_s`` until it may be called; ``paused`` if the upstream asked for that."""

    circuit: CircuitState = CircuitState.CLOSED
    wait_s: float = 0.0
    paused: bool = False
    why: str = ""
    """What is told of it while it is left alone; empty otherwise."""
    last_error: str = ""
    last_error_at: float | None = None
    tries_last_hour: int = 0
    errors_last_hour: int = 0


@frozen
class Troubles:
    """What went wrong since the start, for the metrics: retries by provider, failed calls by provider and kind."""

    retries: dict[tuple[str, ...], int]
    failures: dict[tuple[str, ...], int]


@dataclass(slots=True)
class _Entry:
    """One target, or, with an empty model, a whole provider."""

    provider: str
    model: str
    breaker: Breaker
    paused_until: float = 0.0
    """Until when the upstream asked for quiet, and with which status it did."""
    paused_status: int = 429
    why: str = ""
    tries: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=MAX_TRIES))
    """When a call ended, and whether it went well; the newest."""
    last_error: str = ""
    last_error_at: float | None = None
    """Unix seconds."""

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}" if self.model else self.provider


class Permit:
    """Leave to call a target once. A context manager: left without a result, it says nothing of the upstream."""

    def __init__(self, health: Health, entries: Sequence[tuple[_Entry, int]]) -> None:
        self._health = health
        self._entries = entries

    def succeeded(self) -> None:
        """The upstream gave a whole answer."""
        self._health.note_success(self._take())

    def failed(self, error: UpstreamError, *, named: bool = False) -> None:
        """The call failed. ``named`` says that the caller named the model: then its absence is the caller's fault."""
        (whole, whole_ticket), (model, ticket) = self._take() or ((None, 0), (None, 0))
        if whole is None or model is None:
            return
        self._health.note_trouble(model, error)
        if error.kind == "status" and error.status in _ACCOUNT:
            self._health.note_error(model, error)
            self._health.note_misconfigured(whole, error.message)
            self._health.note_nothing(model, ticket)
            return
        self._health.note_nothing(whole, whole_ticket)
        callers = error.kind == "limit" or error.code in _CALLERS_FAULT  # too large for the plan, or wrong
        if callers or (error.code == "model_not_found" and named):
            self._health.note_nothing(model, ticket)
            return
        self._health.note_error(model, error)
        if error.status == 403 or error.code == "model_not_found":
            self._health.note_misconfigured(model, error.message)
        elif error.retry_after_s is not None and error.retry_after_s > LONGEST_RETRY_AFTER_S:
            self._health.note_pause(model, ticket, error)
        else:
            self._health.note_failure(model, ticket, error)

    def _take(self) -> Sequence[tuple[_Entry, int]]:
        taken, self._entries = self._entries, ()
        return taken

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for entry, ticket in self._take():
            self._health.note_nothing(entry, ticket)


def _worse(one: CircuitState, other: CircuitState | None) -> CircuitState:
    order = list(CircuitState)
    return max(one, other or one, key=order.index)


class Health:
    """Breakers, pauses and retry budgets of all upstreams. ``notify`` hears when a circuit opens or closes."""

    def __init__(self, clock: Clock, notify: Notify, jitter: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._notify = notify
        self._jitter = jitter
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._budgets: dict[str, RetryBudget] = {}
        self._retries: Counter[tuple[str, ...]] = Counter()
        self._failures: Counter[tuple[str, ...]] = Counter()

    def admit(self, target: Target) -> Permit | Blocked:
        """Leave to call ``target`` now, or why not. The permit must be entered."""
        now = self._clock.monotonic()
        entries = (self._entry(target, whole=True), self._entry(target))
        for entry in entries:
            if blocked := self._blocked(entry, now):
                return blocked
        return Permit(self, [(entry, entry.breaker.admit(now) or 0) for entry in entries])

    def forget(self, providers: Iterable[str]) -> None:
        """Drops what is known of ``providers``, which are others now: a corrected key works at the next request.

        A permit that is still out belongs to what was dropped, and its result changes nothing.
        """
        gone = frozenset(providers)
        self._entries = {key: entry for key, entry in self._entries.items() if entry.provider not in gone}
        for provider in gone:
            self._budgets.pop(provider, None)

    def may_retry(self, provider: str) -> bool:
        """Takes one retry from the provider's budget; False when it is spent."""
        granted = self._budget(provider).take(self._clock.monotonic())
        self._retries[provider,] += granted
        return granted

    def requested(self, provider: str) -> None:
        """A request went to the provider for the first time."""
        self._budget(provider).requested(self._clock.monotonic())

    def circuits(self) -> tuple[Circuit, ...]:
        """The circuits of all models that were called."""
        now = self._clock.monotonic()
        whole = {entry.provider: entry.breaker.state(now) for entry in self._entries.values() if not entry.model}
        return tuple(
            Circuit(entry.provider, entry.model, _worse(entry.breaker.state(now), whole.get(entry.provider)))
            for entry in self._entries.values()
            if entry.model
        )

    def of(self, provider: str, model: str) -> TargetHealth:
        """How a model does, as far as it was called; the worse of it and its whole provider."""
        now = self._clock.monotonic()
        known = [entry for name in (model, "") if (entry := self._entries.get((provider, name)))]
        if not known:
            return TargetHealth()
        state, waits, why = CircuitState.CLOSED, [0.0], ""
        for entry in known:
            state = _worse(entry.breaker.state(now), state)
            waits += [entry.breaker.wait_s(now), entry.paused_until - now]
            why = why or self._left_alone(entry, now)
        own = self._entries.get((provider, model))
        recent = [well for at, well in own.tries if at > now - HOUR_S] if own else []
        return TargetHealth(
            circuit=state,
            wait_s=max(waits),
            paused=any(entry.paused_until > now for entry in known),
            why=why,
            last_error=own.last_error if own else "",
            last_error_at=own.last_error_at if own else None,
            tries_last_hour=len(recent),
            errors_last_hour=recent.count(False),
        )

    def _left_alone(self, entry: _Entry, now: float) -> str:
        if entry.breaker.state(now) is not CircuitState.CLOSED:
            return self._told(entry, now)
        wait = entry.paused_until - now
        what = f"{entry.model}: " if entry.model else ""
        return f"{what}asked the gateway to wait {math.ceil(wait)} s" if wait > 0 else ""

    def retry(self, provider: str) -> bool:
        """Has a provider called again at once, whatever it waits for; False where it waits for nothing."""
        now = self._clock.monotonic()
        waiting = False
        for entry in self._entries.values():
            if entry.provider == provider:
                waiting |= bool(self._left_alone(entry, now))
                entry.breaker.close()
                entry.paused_until = 0.0
        return waiting

    def troubles(self) -> Troubles:
        """What went wrong since the start."""
        return Troubles(dict(self._retries), dict(self._failures))

    def statuses(self, checked: Sequence[ProviderStatus]) -> tuple[ProviderStatus, ...]:
        """``checked`` with what traffic knows better: a provider with an open circuit is ``down``,
        and one that asked the gateway to wait."""
        now = self._clock.monotonic()
        down: dict[str, str] = {}
        for entry in self._entries.values():
            if why := self._left_alone(entry, now):
                down.setdefault(entry.provider, why)
        known = {status.name for status in checked}
        more = tuple(ProviderStatus(name, "", "", "down", why) for name, why in down.items() if name not in known)
        return (
            *(replace(s, state="down", detail=down[s.name]) if s.name in down else s for s in checked),
            *more,
        )

    def _told(self, entry: _Entry, now: float) -> str:
        what = f"{entry.model}: " if entry.model else ""
        if (wait := entry.breaker.wait_s(now)) > 0:
            return f"{what}{entry.why}, next try in {math.ceil(wait)} s"
        return f"{what}{entry.why}, the next request tries it"

    def _blocked(self, entry: _Entry, now: float) -> Blocked | None:
        if (wait := entry.breaker.wait_s(now)) > 0:
            return Blocked(f"is not called now: {entry.why}", wait, 503)
        if (wait := entry.paused_until - now) > 0:
            return Blocked("asked the gateway to wait", wait, entry.paused_status)
        return None

    def _entry(self, target: Target, *, whole: bool = False) -> _Entry:
        key = (target.provider, "" if whole else target.model)
        if key not in self._entries:
            self._make_room()
            longest_s = LONGEST_LOCAL_COOL_OFF_S if target.free else LONGEST_COOL_OFF_S
            self._entries[key] = _Entry(*key, Breaker(self._jitter, longest_s))
        return self._entries[key]

    def _make_room(self) -> None:
        """The oldest goes: callers may name any model."""
        while len(self._entries) >= MAX_CIRCUITS:
            del self._entries[next(iter(self._entries))]

    def _budget(self, provider: str) -> RetryBudget:
        if (budget := self._budgets.get(provider)) is None:
            budget = self._budgets[provider] = RetryBudget(self._clock.monotonic())
        return budget

    # --- results, as permits bring them ------------------------------------------------------------------------

    def note_error(self, entry: _Entry, error: UpstreamError) -> None:
        """A call went wrong, and the upstream is why."""
        entry.tries.append((self._clock.monotonic(), False))
        entry.last_error, entry.last_error_at = error.message, self._clock.now()

    def note_success(self, entries: Sequence[tuple[_Entry, int]]) -> None:
        now = self._clock.monotonic()
        for entry, ticket in entries:
            entry.tries.append((now, True))
            if entry.breaker.succeeded(ticket, now):
                self._notify("info", f"{entry.name} answers again.")

    def note_trouble(self, entry: _Entry, error: UpstreamError) -> None:
        self._failures[entry.provider, error.kind] += 1

    def note_nothing(self, entry: _Entry, ticket: int) -> None:
        entry.breaker.forgone(ticket, self._clock.monotonic())

    def note_failure(self, entry: _Entry, ticket: int, error: UpstreamError) -> None:
        now = self._clock.monotonic()
        failures = entry.breaker.failures + 1
        if entry.breaker.failed(ticket, now):
            entry.why = f"circuit open after {failures} failures"
            wait = math.ceil(entry.breaker.wait_s(now))
            self._tell_of(entry, f"is left alone for {wait} s, {failures} failures: {error.message}")

    def note_misconfigured(self, entry: _Entry, message: str) -> None:
        now = self._clock.monotonic()
        known = entry.breaker.state(now) is CircuitState.OPEN
        entry.why = message.removeprefix(entry.provider).strip().rstrip(".")
        entry.breaker.open_for(MISCONFIGURED_S, now)
        if not known:
            self._tell_of(entry, f"is left alone for {MISCONFIGURED_S / 60:.0f} min: {message}")

    def note_pause(self, entry: _Entry, ticket: int, error: UpstreamError) -> None:
        now = self._clock.monotonic()
        entry.breaker.forgone(ticket, now)
        entry.paused_status = 429 if error.status == 429 else 503
        entry.paused_until = max(entry.paused_until, now + min(error.retry_after_s or 0.0, LONGEST_PAUSE_S))

    def _tell_of(self, entry: _Entry, what: str) -> None:
        """Warns, unless the entry is forgotten: then the provider in use is another one."""
        if self._entries.get((entry.provider, entry.model)) is entry:
            self._notify("warning", f"{entry.name} {what}")
