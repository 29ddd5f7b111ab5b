"""What the tests of the store and of the money share."""

from __future__ import annotations

import sqlite3

from gateway_core.model import (
    CacheStatus,
    Decision,
    Lane,
    Reason,
    RequestDetail,
    RequestRow,
    Status,
    Target,
    Tier,
    Usage,
)
from gateway_core.store.answers import StoredAnswer
from gateway_core.store.database import Database
from gateway_core.store.days import start_of
from gateway_core.store.ledger import Ledger, LedgerEntry
from gateway_core.store.requests import RequestLog

INSERT = "INSERT INTO operator (name, value) VALUES (?, ?)"
DAY = "2026-11-23"
NEXT_DAY = "2026-11-24"
NOON = start_of(DAY) + 12 * 3600
PAID = Target(Tier.PREMIUM, "anthropic", "claude-sonnet-5-5", free=False)
CHEAP = Target(Tier.CHEAP, "groq", "llama", free=False)


USED = Usage(100, 20)


class FakeClock:
    """A clock that is set."""

    def __init__(self, now: float = NOON) -> None:
        self.at = now
        self.ticks = 0.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.ticks

    def advance(self, seconds: float) -> None:
        self.at += seconds
        self.ticks += seconds


def entry(request_id: str = "req_1", attempt: int = 1, cost: int = 1000, day: str = DAY) -> LedgerEntry:
    return LedgerEntry(request_id, attempt, day, PAID, cost, start_of(day) + 3600)


def stored_answer(text: str = "hello", *, created_at: float = NOON) -> StoredAnswer:
    completion = {"id": "c1", "choices": [{"message": {"role": "assistant", "content": text}}]}
    return StoredAnswer(completion, Tier.CHEAP, "groq", "llama", created_at, 120, Usage(10, 5), 640.0)


def request_row(
    request_id: str = "req_1",
    *,
    at: float = NOON,
    status: Status = Status.OK,
    preview: str = "What is the capital of France?",
    tier: Tier | None = Tier.CHEAP,
    cache: CacheStatus = CacheStatus.MISS,
    session: str | None = "agent:main",
    model: str | None = "llama",
    provider: str | None = "groq",
    route: str = "simple",
    input_tokens: int = 100,
    output_tokens: int = 20,
    saved_microusd: int = 0,
) -> RequestRow:
    return RequestRow(
        id=request_id,
        at=at,
        status=status,
        client="openclaw",
        lane=Lane.INTERACTIVE,
        purpose="chat",
        session=session,
        asked_model="gateway-auto",
        preview=preview,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        tools=2,
        stream=True,
        tier=tier,
        provider=provider,
        model=model,
        cache=cache,
        route=route,
        saved_microusd=saved_microusd,
        latency_ms=12.5,
    )


def request_detail(row: RequestRow, *, answer: str | None = "Paris", usage: Usage = USED) -> RequestDetail:
    return RequestDetail(
        row=row,
        decision=Decision(CHEAP, (PAID,), "simple", 0.25, (Reason("difficulty", "0.25: short"),)),
        usage=usage,
        error_message=None,
        messages=({"role": "system", "content": "You are Ada."}, {"role": "user", "content": row.preview}),
        answer=None if answer is None else {"role": "assistant", "content": answer},
        tools=("read", "write"),
        attempts=1,
    )


async def add_a_day(log: RequestLog, database: Database, clock: FakeClock) -> None:
    """A hit, a semantic hit, a miss at a paid tier in two attempts, a local bypass, a refusal, one running."""
    listed = [
        request_row("r1", cache=CacheStatus.EXACT, saved_microusd=300),
        request_row("r2", cache=CacheStatus.SEMANTIC, saved_microusd=40, at=NOON + 60),
        request_row("r3", tier=Tier.PREMIUM, provider="anthropic", model="claude-sonnet-5-5", saved_microusd=5),
        request_row("r4", tier=Tier.LOCAL, provider="ollama", model="qwen", cache=CacheStatus.BYPASS),
        request_row("r5", tier=None, provider=None, model=None, status=Status.REFUSED),
        request_row("r6", status=Status.RUNNING),
        request_row("r7", at=start_of(DAY) - 1.0),
    ]
    for row in listed:
        usage = Usage(50, 20, 30, 15, 5) if row.id == "r3" else Usage(100, 20)
        await log.add(row, request_detail(row, usage=usage))
    ledger = Ledger(database, clock)
    await ledger.settle(await ledger.reserve(entry("r3", 1, cost=900)), 500, Usage())
    await ledger.settle(await ledger.reserve(entry("r3", 2, cost=900)), 20, Usage())
    await ledger.reserve(entry("r6", 1, cost=900))


async def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    """What a query finds."""
    return await database.run(lambda connection: connection.execute(query).fetchall())


async def fill_the_disk(database: Database) -> None:
    """Lets the file grow no further; what it has no free page for fails as a full disk does."""

    def limit(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await database.run(limit)


async def free_the_disk(database: Database) -> None:
    await rows(database, "PRAGMA max_page_count = 1073741823")


async def make_read_only(database: Database, on: bool = True) -> None:
    """Makes everything fail as on a read-only disk, or lets it pass again.

    Beside :meth:`Database.run`, whose transaction could not even begin.
    """
    connection = database._connection
    assert connection is not None

    def change() -> None:
        connection.execute(f"PRAGMA query_only = {int(on)}")

    await database._ordered(change)


def insert(connection: sqlite3.Connection, name: str) -> None:
    connection.execute(INSERT, (name, "x"))


async def names(database: Database) -> list[object]:
    return [row[0] for row in await rows(database, "SELECT name FROM operator ORDER BY rowid")]
