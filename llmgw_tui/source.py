"""What the screen needs of a gateway, wherever that is: in this process, or at the other end of HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from gateway_core.events import Event
from gateway_core.learning_values import LearningStatus
from gateway_core.log_entries import LogPage
from gateway_core.model import (
    CacheEntryDetail,
    CacheHit,
    CachePage,
    CommandResult,
    Fit,
    RequestDetail,
    RequestParts,
    Snapshot,
    SpendReport,
)
from gateway_core.replay_values import ReplayOffers, ReplayProgress
from gateway_core.request_pages import RequestsPage
from gateway_core.routing_values import RouteTrial, RoutingStatus
from gateway_core.setting_values import SettingsReport
from gateway_core.whatif_values import Outcome, Policy

MOST_HITS = 200
"""How many hits a source tells of."""


class Source(Protocol):
    """Frozen snapshots out, named commands in."""

    @property
    def attached(self) -> bool:
        """Whether the gateway goes on without this screen."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the snapshot is fresh."""
        ...

    @property
    def stale_since(self) -> float | None:
        """Unix seconds of the last word from the gateway, while it does not answer."""
        ...

    @property
    def status(self) -> str:
        """Why there is no connection; empty when there is one. May hold foreign text."""
        ...

    def snapshot(self) -> Snapshot | None:
        """The latest snapshot; None until the first has come."""
        ...

    def events(self) -> AsyncIterator[Event]:
        """What happens from now on."""
        ...

    async def detail(self, request_id: str) -> RequestDetail | None:
        """Everything kept of one request, or None."""
        ...

    async def parts(self, request_id: str) -> RequestParts | None:
        """What of a request went over the wire, or None."""
        ...

    async def replay_offers(self, request_id: str) -> ReplayOffers:
        """What it would cost at most to run a request again on each tier."""
        ...

    async def replay_progress(self, request_id: str) -> ReplayProgress | None:
        """How far a replay has come, or None."""
        ...

    async def requests(self, query: str = "", sort: str = "newest", cursor: str = "") -> RequestsPage:
        """A page of the request log: what the filter ``query`` lets through, behind ``cursor``.

        ``problem`` says why there is none, a filter that cannot be understood for one; it is empty otherwise.
        """
        ...

    async def cache_entries(self, query: str = "", order: str = "newest") -> CachePage:
        """What both answer caches keep; ``problem`` says what could not be looked at, and is empty otherwise."""
        ...

    async def cache_entry(self, entry_id: str) -> CacheEntryDetail | None:
        """A cached answer, or None."""
        ...

    async def cache_hits(self) -> tuple[CacheHit, ...] | None:
        """The newest requests that a cache answered; None when they cannot be had."""
        ...

    async def fit(self, model: str) -> Fit:
        """Whether a local model would fit, pulled or not; ``unknown`` says why nobody knows."""
        ...

    async def log(self, level: str = "", query: str = "", after: int = 0) -> LogPage:
        """What happened, newest first: of ``level`` and above, with ``query`` in it, of ids above ``after``.

        ``problem`` says why it could not be looked at, and is empty otherwise.
        """
        ...

    async def settings(self) -> SettingsReport:
        """Every setting with where it came from; ``problem`` says why they could not be looked at."""
        ...

    async def key(self) -> str:
        """The gateway's key, for whoever sits here and asks to see it: an attached screen's own, which is never sent
        to it. Empty where none is known."""
        ...

    async def routing(self) -> RoutingStatus:
        """Who serves each tier, how they do, and where requests went; ``problem`` says why it cannot be seen."""
        ...

    async def learning(self) -> LearningStatus:
        """What the router has learned from its user, and from what; ``problem`` says why it cannot be seen."""
        ...

    async def trial(self, prompt: str) -> RouteTrial:
        """Where a prompt would go now, and why. Calls nothing."""
        ...

    async def spend(self, period: str, by: str) -> SpendReport:
        """What a period cost and saved (``spend_values.PERIODS``, ``BY``); ``problem`` says what was in the way."""
        ...

    async def spend_csv(self, period: str, by: str) -> str | None:
        """The same as CSV with all its rows; None when it cannot be had."""
        ...

    async def what_if(self, policy: Policy, *, anew: bool = False) -> Outcome:
        """What the last days would have cost under a policy; ``anew`` reads the request log again. ``problem`` says
        what was in the way. Calls nothing."""
        ...

    async def run(self, command: str, **arguments: object) -> CommandResult:
        """Runs a named command: ``kill``, ``release``, ``force_tier(tier)``, ``set_budget(soft, medium, hard,
        background)``, ``pull(model)``, ``cancel_pull(model)``, ``forget_pull(model)``, ``load(model)``,
        ``unload(model)``, ``unload_all``, ``pin(model)``, ``unpin(model)``, ``set_context(model, num_ctx)``,
        ``delete_model(model, even_in_use)``, ``check_updates``, ``switch(tier, model)``, ``mark_wrong(request_id)``,
        ``cancel_request(request_id)``, ``replay(request_id, tier)``, ``label_request(request_id, verdict)``,
        ``choose_answer(first, second, better)``, ``import_labels(labels)``, ``refit_router``, ``revert_router``,
        ``forget_labels``, ``forget_answer(entry)``, ``clear_cache(which)``, ``reload``, ``retry_provider(provider)``.
        Never raises for what the gateway or the network say.
        """
        ...

    async def start(self) -> None:
        """Begins to keep the snapshot fresh."""
        ...

    async def close(self) -> None:
        """Lets go of the gateway without stopping it."""
        ...
