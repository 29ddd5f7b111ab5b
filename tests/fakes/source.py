"""A source that serves frozen snapshots and writes down the commands it was given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from gateway_core.bus import Bus
from gateway_core.cache_entries import merged
from gateway_core.events import Event
from gateway_core.learning_values import LearningStatus
from gateway_core.log_entries import LogEntry, LogPage, at_least
from gateway_core.model import (
    CacheEntry,
    CacheEntryDetail,
    CacheHit,
    CachePage,
    CommandResult,
    Fit,
    FitVerdict,
    KillSwitch,
    RequestDetail,
    RequestParts,
    RequestRow,
    Snapshot,
    SpendReport,
    Tier,
)
from gateway_core.replay_values import ReplayOffers, ReplayProgress
from gateway_core.request_filter import parse
from gateway_core.request_pages import PAGE_ROWS, RequestsPage, plain_sort
from gateway_core.routing_values import RouteTrial, RoutingStatus
from gateway_core.setting_values import SettingsReport
from gateway_core.spend_csv import csv_text
from gateway_core.spend_values import BY
from gateway_core.whatif_values import Outcome, Policy
from tests.fakes import details, inside_values, snapshots, spent, what_ifs

_RANKS: dict[str, Callable[[RequestRow], tuple[float, float, str]]] = {
    "newest": lambda row: (row.at, row.at, row.id),
    "cost": lambda row: (row.cost_microusd, row.at, row.id),
    "saved": lambda row: (row.saved_microusd, row.at, row.id),
    "tokens": lambda row: (row.input_tokens + row.output_tokens, row.at, row.id),
    "latency": lambda row: (row.latency_ms, row.at, row.id),
    "first_token": lambda row: (-1.0 if row.first_token_ms is None else row.first_token_ms, row.at, row.id),
}


class FakeSource:
    """Commands that change the snapshot's flags do so; all are kept in ``ran``."""

    def __init__(self, snapshot: Snapshot | None, *, attached: bool = False) -> None:
        self.current = snapshot
        self.attached = attached
        self.connected = True
        self.stale_since: float | None = None
        self.status = ""
        self.ran: list[tuple[str, dict[str, object]]] = []
        self.answer: CommandResult | None = None
        self.details: dict[str, RequestDetail] = {}
        self.kept_parts: RequestParts | None = details.parts()
        self.offers = details.replay_offers()
        self.progress: ReplayProgress | None = None
        self.entries: tuple[CacheEntry, ...] = snapshots.cache_entries()
        self.hits: tuple[CacheHit, ...] | None = snapshots.cache_hits()
        self.problem = ""
        self.logged: tuple[LogEntry, ...] = inside_values.log_entries()
        self.routed: RoutingStatus = inside_values.routing()
        self.learned: LearningStatus = inside_values.learning()
        self.known_settings: SettingsReport = inside_values.settings()
        self.gateway_key = "llmgw-a-key-of-the-tests"
        self.tried: list[str] = []
        self.request_log: tuple[RequestRow, ...] | None = None
        """The request log; None is what the snapshot shows."""
        self.searches: list[tuple[str, str, str]] = []
        self.looks: list[tuple[str, str]] = []
        self.fits: dict[str, Fit] = {}
        self.fit_asked: list[str] = []
        self.fit_known = asyncio.Event()
        """Cleared, answers about fit wait."""
        self.fit_known.set()
        self.spent: SpendReport | None = None
        self.spend_looks: list[tuple[str, str]] = []
        self.would_be: Outcome | None = None
        self.policies: list[tuple[Policy, bool]] = []
        self.bus = Bus()
        self.closed = False

    def snapshot(self) -> Snapshot | None:
        return self.current

    async def events(self) -> AsyncIterator[Event]:
        with self.bus.subscribe() as subscription:
            async for event in subscription:
                yield event

    async def detail(self, request_id: str) -> RequestDetail | None:
        if request_id in self.details:
            return self.details[request_id]
        rows = self.current.requests if self.current else ()
        return next((details.detail(row) for row in rows if row.id == request_id), None)

    async def parts(self, request_id: str) -> RequestParts | None:
        return self.kept_parts

    async def replay_offers(self, request_id: str) -> ReplayOffers:
        return self.offers

    async def replay_progress(self, request_id: str) -> ReplayProgress | None:
        return self.progress

    async def requests(self, query: str = "", sort: str = "newest", cursor: str = "") -> RequestsPage:
        self.searches.append((query, sort, cursor))
        wanted = parse(query, snapshots.NOW)
        if wanted.problem or self.problem:
            return RequestsPage(problem=wanted.problem or self.problem)
        name, turned = plain_sort(sort) or ("newest", False)
        log = self.request_log if self.request_log is not None else self.current.requests if self.current else ()
        found = sorted((row for row in log if wanted.matches(row)), key=_RANKS[name], reverse=not turned)
        first = int(cursor or 0)
        page, more = found[first : first + PAGE_ROWS], len(found) > first + PAGE_ROWS
        total = None if cursor else len(found)
        return RequestsPage(tuple(page), str(first + PAGE_ROWS) if more else "", total, len(log))

    async def cache_entries(self, query: str = "", order: str = "newest") -> CachePage:
        self.looks.append((query, order))
        found = [entry for entry in self.entries if query.casefold() in entry.question.casefold()]
        return merged([CachePage(tuple(found), len(found), "", self.problem)], order)

    async def cache_entry(self, entry_id: str) -> CacheEntryDetail | None:
        found = next((entry for entry in self.entries if entry.id == entry_id), None)
        return snapshots.cached_answer(found) if found else None

    async def cache_hits(self) -> tuple[CacheHit, ...] | None:
        return self.hits

    async def fit(self, model: str) -> Fit:
        self.fit_asked.append(model)
        await self.fit_known.wait()
        return self.fits.get(model, Fit(model, FitVerdict.UNKNOWN, "Unknown: registry.ollama.ai cannot be reached."))

    async def log(self, level: str = "", query: str = "", after: int = 0) -> LogPage:
        newest = max((entry.id for entry in self.logged), default=0)
        if self.problem:
            return LogPage(problem=self.problem)
        found = [
            entry
            for entry in self.logged
            if entry.level in at_least(level) and query.casefold() in entry.text.casefold() and entry.id > after
        ]
        return LogPage(tuple(found), newest, len(found), inside_values.counts(self.logged))

    async def settings(self) -> SettingsReport:
        return SettingsReport(problem=self.problem) if self.problem else self.known_settings

    async def key(self) -> str:
        return self.gateway_key

    async def routing(self) -> RoutingStatus:
        return RoutingStatus(problem=self.problem) if self.problem else self.routed

    async def learning(self) -> LearningStatus:
        return LearningStatus(problem=self.problem) if self.problem else self.learned

    async def trial(self, prompt: str) -> RouteTrial:
        self.tried.append(prompt)
        return inside_values.trial(prompt)

    async def spend(self, period: str, by: str) -> SpendReport:
        self.spend_looks.append((period, by))
        return self.spent or spent.spend_report(period, by)

    async def spend_csv(self, period: str, by: str) -> str | None:
        return csv_text((self.spent or spent.spend_report(period, by)).rows, BY[by])

    async def what_if(self, policy: Policy, *, anew: bool = False) -> Outcome:
        self.policies.append((policy, anew))
        return replace(self.would_be, policy=policy) if self.would_be else what_ifs.outcome(policy)

    async def run(self, command: str, **arguments: object) -> CommandResult:
        self.ran.append((command, arguments))
        if self.current is not None:
            if command in ("kill", "release"):
                on = command == "kill"
                self.current = replace(
                    self.current, kill=KillSwitch(on, snapshots.NOW, "key"), state="killed" if on else "running"
                )
            elif command == "force_tier":
                tier = str(arguments["tier"])
                self.current = replace(self.current, forced_tier=None if tier == "auto" else Tier(tier))
        if command == "label_request" and self.answer is None:
            self._judge(str(arguments["request_id"]), str(arguments["verdict"]).replace("clear", ""))
        if command == "forget_answer":
            self.entries = tuple(entry for entry in self.entries if entry.id != arguments["entry"])
        words = ", ".join(f"{name} {value}" for name, value in arguments.items())
        return self.answer or CommandResult(True, f"{command}: {words}" if words else command)

    def _judge(self, request_id: str, thumb: str) -> None:
        if self.current is not None:
            rows = (replace(row, thumb=thumb) if row.id == request_id else row for row in self.current.requests)
            self.current = replace(self.current, requests=tuple(rows))
        decisions = (replace(one, thumb=thumb) if one.id == request_id else one for one in self.routed.decisions)
        self.routed = replace(self.routed, decisions=tuple(decisions))

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        self.closed = True
