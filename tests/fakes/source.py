"""A source that serves frozen snapshots and writes down the commands it was given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from gateway_core.bus import Bus
from gateway_core.cache_entries import merged
from gateway_core.events import Event
from gateway_core.model import (
    CacheEntry,
    CacheEntryDetail,
    CacheHit,
    CachePage,
    CommandResult,
    KillSwitch,
    RequestDetail,
    Snapshot,
    SpendReport,
    Tier,
)
from gateway_core.spend_csv import csv_text
from gateway_core.spend_values import BY
from tests.fakes import snapshots


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
        self.entries: tuple[CacheEntry, ...] = snapshots.cache_entries()
        self.hits: tuple[CacheHit, ...] | None = snapshots.cache_hits()
        self.problem = ""
        self.looks: list[tuple[str, str]] = []
        self.spent: SpendReport | None = None
        self.spend_looks: list[tuple[str, str]] = []
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
        return next((snapshots.detail(row) for row in rows if row.id == request_id), None)

    async def cache_entries(self, query: str = "", order: str = "newest") -> CachePage:
        self.looks.append((query, order))
        found = [entry for entry in self.entries if query.casefold() in entry.question.casefold()]
        return merged([CachePage(tuple(found), len(found), "", self.problem)], order)

    async def cache_entry(self, entry_id: str) -> CacheEntryDetail | None:
        found = next((entry for entry in self.entries if entry.id == entry_id), None)
        return snapshots.cached_answer(found) if found else None

    async def cache_hits(self) -> tuple[CacheHit, ...] | None:
        return self.hits

    async def spend(self, period: str, by: str) -> SpendReport:
        self.spend_looks.append((period, by))
        return self.spent or snapshots.spend_report(period, by)

    async def spend_csv(self, period: str, by: str) -> str | None:
        return csv_text((self.spent or snapshots.spend_report(period, by)).rows, BY[by])

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
        if command == "forget_answer":
            self.entries = tuple(entry for entry in self.entries if entry.id != arguments["entry"])
        words = ", ".join(f"{name} {value}" for name, value in arguments.items())
        return self.answer or CommandResult(True, f"{command}: {words}" if words else command)

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        self.closed = True
