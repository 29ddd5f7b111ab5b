"""What a large ledger costs: ``python -m tests.large_ledger [--requests N] [--copies N] [--days N] [--folder DIR]``.

Fills a data folder through the request log and the ledger themselves, or a part of it, which SQLite then copies; then
tells how long a gateway takes to start on it and on an empty one, what searches, the screens' queries, filters and
reports of spend take, what writing a request costs, and how large all is. Ends with 1 where a search or a query of the
screens takes longer than it may.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from types import MappingProxyType

from gateway_core.clock import SystemClock
from gateway_core.costs import Counterfactuals
from gateway_core.gateway import Gateway
from gateway_core.model import (
    CacheStatus,
    Cost,
    Decision,
    Lane,
    Reason,
    RequestDetail,
    RequestRow,
    Status,
    Step,
    Target,
    Tier,
    Timeline,
    Usage,
)
from gateway_core.request_filter import parse
from gateway_core.routing.landscape import Bands
from gateway_core.spending.reading import read_report
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.days import DAY_S, day_of, start_of
from gateway_core.store.files import open_database, open_read_only
from gateway_core.store.ledger import Ledger, LedgerEntry
from gateway_core.store.request_index import drop_triggers
from gateway_core.store.request_pages import read_page
from gateway_core.store.requests import RequestLog
from tests.http.inside import make_settings

CALLED = (
    Target(Tier.PREMIUM, "anthropic", "claude-sonnet-5-5", free=False),
    Target(Tier.CHEAP, "groq", "llama-3.3-70b-versatile", free=False),
    Target(Tier.LOCAL, "ollama", "qwen2.5:7b", free=True),
)
WORDS = ("capital", "France", "invoice", "refactor", "parser", "test", "login", "weather", "summary", "mail", "Ada")
FILTERS = ("tier:premium", "cost>0.02", "!cache:hit status:failed", "model:claude took>5s", "invoice parser")
SEARCHES = (
    *(
        "invoice",
        "capital France",
        "invoice parser weather",
        '"refactor parser"',
        "pars",
        "a",
        "case17",
        "case1",
        "zzz",
    ),
    *("invoice tier:premium", "cost>0.02 refactor", "weather status:failed", "case4 !cache:hit", "since:7d login"),
)
DASHBOARD_MS = 10.0
SEARCH_MS = 200.0
Query = Callable[[], Awaitable[object]]
REPORTS = (
    ("today", "tier"),
    ("30d", "model"),
    ("400d", "tier"),
    ("400d", "session"),
    ("400d", "day"),
    ("400d", "hour"),
)
COMMITTED_AT_ONCE = 1_000


def requests(count: int, days: int, now: float, random: Random) -> Iterator[tuple[RequestRow, RequestDetail]]:
    """Requests as they are logged, without bodies: evenly over the UTC days up to today, the oldest first."""
    day = day_of(now)
    begins = start_of(day) - (days - 1) * DAY_S
    for number in range(count):
        at = begins + (now - begins) * (number + 1) / (count + 1)
        target = random.choice(CALLED)
        hit = random.random() < 0.25
        cache = random.choice((CacheStatus.EXACT, CacheStatus.SEMANTIC)) if hit else CacheStatus.MISS
        usage = Usage(
            random.randrange(60_000), random.randrange(2_000), random.randrange(40_000), random.randrange(900)
        )
        cost = 0 if hit or target.free else random.randrange(1, 60_000)
        premium = random.randrange(cost, 200_000)
        otherwise = Counterfactuals(
            premium, random.randrange(cost, premium + 1), random.randrange(9_000) if hit else None
        )
        latency_ms = random.expovariate(1 / 4_000)
        difficulty = round(random.random(), 3)
        row = RequestRow(
            id=f"req_{int(at * 1000):011x}{number:09x}",
            at=at,
            status=Status.FAILED if random.random() < 0.02 else Status.OK,
            client="openclaw",
            lane=random.choice(list(Lane)),
            purpose="chat",
            session=f"agent:main:{random.randrange(200)}",
            asked_model="gateway-auto",
            preview=" ".join((f"case{random.randrange(2_000)}", *random.choices(WORDS, k=12))),
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.output_tokens,
            tools=24,
            stream=True,
            tier=target.tier,
            provider=target.provider,
            model=target.model,
            cache=cache,
            route="simple"
            if difficulty < Bands().easy_below
            else "hard"
            if difficulty >= Bands().hard_from
            else "default",
            cost_microusd=cost,
            saved_microusd=sum(otherwise.saved(cost)),
            latency_ms=latency_ms,
            first_token_ms=latency_ms / 3,
            finish_reason="stop",
            premium_microusd=otherwise.premium_microusd,
            no_prompt_cache_microusd=otherwise.no_prompt_cache_microusd,
            no_answer_cache_microusd=otherwise.no_answer_cache_microusd,
            saved_ms=latency_ms if hit else 0.0,
        )
        yield row, _detail(row, target, usage, cost, difficulty)


def _detail(row: RequestRow, target: Target, usage: Usage, cost: int, difficulty: float) -> RequestDetail:
    reasons = tuple(Reason(step, f"{step}: what was seen of the request, and what came of it") for step in WORDS[:8])
    steps = tuple(Step(step, 4.0 * number, 4.0 * number + 3.0) for number, step in enumerate(WORDS[:8]))
    return RequestDetail(
        row=row,
        decision=Decision(target, CALLED, row.route, difficulty, reasons),
        usage=usage,
        error_message=None,
        messages=(),
        answer=None,
        tools=tuple(f"tool_{number}" for number in range(row.tools)),
        attempts=1,
        cost=Cost(input=cost),
        timeline=Timeline(steps),
    )


async def fill(folder: Path, count: int, days: int, now: float) -> None:
    """Writes ``count`` requests through the log and the ledger, many to a commit."""
    database = await Database.open(folder / FILE_NAME)
    log, ledger = RequestLog(database, SystemClock()), Ledger(database, SystemClock())
    made = requests(count, days, now, Random(count))
    while together := tuple(islice(made, COMMITTED_AT_ONCE)):
        await asyncio.gather(*(add(log, ledger, row, detail) for row, detail in together))
    await database.close()


async def add(log: RequestLog, ledger: Ledger, row: RequestRow, detail: RequestDetail) -> None:
    """A request as it is written: begun, paid for, ended."""
    await log.add(replace(row, status=Status.RUNNING), detail)
    if row.cost_microusd and detail.decision:
        target = detail.decision.target
        entry = LedgerEntry(row.id, 1, day_of(row.at), target, 3 * row.cost_microusd, row.at)
        await ledger.settle(await ledger.reserve(entry), row.cost_microusd, detail.usage)
    await log.add(row, detail)


def copy_all(connection: sqlite3.Connection, times: int) -> None:
    """Requests and ledger ``times`` over, each copy a few seconds later, and a released first attempt for each call.

    Requests are numbered as they come, as the log numbers them."""
    columns = {
        table: [row[1] for row in connection.execute(f"PRAGMA table_xinfo({table})") if not row[6]]
        for table in ("requests", "request_words", "reservations")
    }
    connection.execute("PRAGMA synchronous = OFF")
    drop_triggers(connection)
    for table, number in (("requests", "rowid"), ("request_words", "number")):
        connection.execute(f"UPDATE {table} SET {number} = -(({number} - 1) * {times} + 1)")
        for copy in range(1, times):
            copy_table(connection, table, columns[table], copy, f"{number} < 0", f"{copy} - {number}")
        connection.execute(f"UPDATE {table} SET {number} = -{number} WHERE {number} < 0")
    last = connection.execute("SELECT max(rowid) FROM reservations").fetchone()[0]
    for copy in range(1, 2 * times):
        released = {} if copy < times else {"state": "'released'", "cost_microusd": "0"}
        copy_table(connection, "reservations", columns["reservations"], copy, f"rowid <= {last}", "NULL", released)
    connection.execute("INSERT INTO request_text (request_text) VALUES ('rebuild')")
    connection.execute("DELETE FROM request_index WHERE name = 'kept'")  # the next start counts them
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copy_table(
    connection: sqlite3.Connection,
    table: str,
    columns: Sequence[str],
    copy: int,
    which: str,
    number: str,
    others: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """The rows of ``which``, each with another id, a few seconds later."""
    changed = {
        "id": f"id || '~{copy}'",
        "request_id": f"request_id || '~{copy}'",
        "at": f"at + {1.7 * copy}",
        "created_at": f"created_at + {1.7 * copy}",
        "number": number,
        **others,
    }
    values = [changed.get(name, name) for name in columns]
    rowid, place = ("", "") if "number" in columns else ("rowid, ", f"{number}, ")
    selected = f"SELECT {place}{', '.join(values)} FROM {table} WHERE {which}"
    connection.execute(f"INSERT INTO {table} ({rowid}{', '.join(columns)}) {selected}")


@contextmanager
def timed(name: str) -> Iterator[None]:
    started, cpu = time.perf_counter(), time.process_time()
    yield
    print(f"  {name:44} {time.perf_counter() - started:7.3f} s, {time.process_time() - cpu:7.3f} s of CPU", flush=True)


# --- the start, in a process of its own ------------------------------------------------------------------------------


async def start(folder: Path) -> None:
    """Prints how long the start takes, the longest that the event loop was held up in it, and the memory."""
    gaps = [0.0]

    async def tick() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            gaps.append(time.perf_counter() - before)

    ticking = asyncio.create_task(tick())
    began = time.perf_counter()
    gateway = await Gateway.open(make_settings(folder))
    took = time.perf_counter() - began
    made = time.perf_counter()
    gateway.snapshot()
    snapshot_ms = (time.perf_counter() - made) * 1000
    ticking.cancel()
    await gateway.close()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"s": took, "held_up_ms": max(gaps) * 1000, "peak_mb": peak_mb, "snapshot_ms": snapshot_ms}))


def measure_start(name: str, folder: Path) -> None:
    command = [sys.executable, "-m", "tests.large_ledger", "--start", str(folder)]
    for _ in range(2):
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        words = f"held up for {found['held_up_ms']:.0f} ms at most, {found['peak_mb']:.0f} MB at most"
        print(f"  {name:44} {found['s']:7.3f} s, {words}", flush=True)


# --- the rest --------------------------------------------------------------------------------------------------------


def measure_size(path: Path) -> None:
    connection = open_read_only(path)
    print(f"  whole file {path.stat().st_size / 1e6:.0f} MB")
    with suppress(sqlite3.OperationalError):  # Python's SQLite may lack dbstat
        sizes = "SELECT name, sum(pgsize) FROM dbstat GROUP BY 1 ORDER BY 2 DESC LIMIT 16"
        for name, size in connection.execute(sizes):
            print(f"  {name:44} {size / 1e6:7.1f} MB")
    connection.close()


async def measure_queries(path: Path, now: float) -> list[str]:
    """What people ask of the ledger, and what the screens do. Returns what takes longer than it may."""
    clock = SystemClock()
    database = await Database.open(path, clock, read_only=True)
    log, today = RequestLog(database, clock), day_of(now)

    def page(text: str, sort: str = "newest") -> Query:
        wanted = parse(text, now)
        return lambda: database.run(lambda connection: read_page(connection, clock, wanted, sort, "", 100))

    def spend(period: str, by: str) -> Query:
        return lambda: database.run(lambda connection: read_report(connection, period, by, today, lambda *_: True))

    newest = (await log.recent(1))[0].id
    dashboard: dict[str, Query] = {
        "newest requests": page(""),
        "dearest requests": page("", "cost"),
        "newest rows": lambda: log.recent(100),
        "hits": lambda: log.hits(50),
        "detail": lambda: log.detail(newest),
        "parts": lambda: log.parts(newest),
        "spend of today by tier": spend("today", "tier"),
        "spend of today by hour": spend("today", "hour"),
    }
    slow = [name for name, query in dashboard.items() if (await took_ms(name, query, 20))[0] > DASHBOARD_MS]
    searches = [page(text) for text in SEARCHES]
    for text in SEARCHES:
        await took_ms(f"search for {text}", page(text), 3)

    async def search() -> None:
        await searches[0]()
        searches.append(searches.pop(0))

    if (await took_ms("all searches", search, 5 * len(searches)))[1] > SEARCH_MS:
        slow.append("searches")
    for text in FILTERS:
        for sort in ("newest", "cost"):
            with timed(f"requests, by {sort}: {text}"):
                await page(text, sort)()
    for period, by in REPORTS:
        for _ in range(2):
            with timed(f"spend of {period} by {by}"):
                await spend(period, by)()
    await database.close()
    return slow


async def took_ms(name: str, query: Query, times: int) -> tuple[float, float]:
    """Prints and returns the median and the 95th percentile of asking so often, after a first time."""
    await query()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await query()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    p50, p95 = took[len(took) // 2], took[int(len(took) * 0.95)]
    print(f"  {name:44} p50 {p50:7.1f} ms, p95 {p95:7.1f} ms", flush=True)
    return p50, p95


async def measure_writing(folder: Path, count: int, now: float) -> None:
    """Writes ``count`` more requests, one after the other: a folder that is kept has them from then on."""
    database = await Database.open(folder / FILE_NAME)
    log, ledger = RequestLog(database, SystemClock()), Ledger(database, SystemClock())
    with timed(f"writing {count} requests, one after the other"):
        for row, detail in requests(count, 1, now, Random(1)):
            await add(log, ledger, replace(row, id=f"{row.id}n"), detail)
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--requests", type=int, default=500_000)
    parser.add_argument("--copies", type=int, default=1, help="write only one in so many, and copy them")
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--folder", type=Path, help="is filled when it is empty, and kept")
    parser.add_argument("--start", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.start:
        asyncio.run(start(options.start))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder, now = options.folder or Path(temporary, "full"), time.time()
        if not (folder / FILE_NAME).exists():
            with timed(f"filling with {options.requests:,} requests over {options.days} days"):
                asyncio.run(fill(folder, options.requests // options.copies, options.days, now))
                if options.copies > 1:
                    with closing(open_database(folder / FILE_NAME, now)[0]) as connection:
                        copy_all(connection, options.copies)
        print("Start")
        measure_start("empty ledger", Path(temporary, "empty"))
        measure_start("this ledger", folder)
        print("Size")
        measure_size(folder / FILE_NAME)
        print("Reading")
        slow = asyncio.run(measure_queries(folder / FILE_NAME, now))
        print("Writing")
        asyncio.run(measure_writing(folder, 500, now))
    if slow:
        sys.exit(f"Slower than {DASHBOARD_MS:.0f} ms at the median, or {SEARCH_MS:.0f} at p95: {', '.join(slow)}.")


if __name__ == "__main__":
    main()
