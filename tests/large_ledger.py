"""What a large ledger costs: ``python -m tests.large_ledger [--requests N] [--copies N] [--days N] [--folder DIR]``.

Fills a data folder through the request log and the ledger themselves, or a part of it, which SQLite then copies; then
tells how long a gateway takes to start on it and on an empty one, what filters and reports of spend take, what writing
a request costs, and how large all is.
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
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

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
from gateway_core.store.request_pages import read_page
from gateway_core.store.requests import RequestLog
from tests.http.inside import make_settings

CALLED = (
    Target(Tier.PREMIUM, "anthropic", "claude-sonnet-5-5", free=False),
    Target(Tier.CHEAP, "groq", "llama-3.3-70b-versatile", free=False),
    Target(Tier.LOCAL, "ollama", "qwen2.5:7b", free=True),
)
WORDS = ("capital", "France", "invoice", "refactor", "parser", "test", "login", "weather", "summary", "mail", "Ada")
FILTERS = ("", "tier:premium", "cost>0.02", "!cache:hit status:failed", "model:claude took>5s", "invoice parser")
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
            preview=" ".join(random.choices(WORDS, k=12)),
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
    """Requests and ledger ``times`` over, each copy a few seconds later, and a released first attempt for each call."""
    columns = {
        table: [row[1] for row in connection.execute(f"PRAGMA table_xinfo({table})") if not row[6]]
        for table in ("requests", "request_words", "reservations")
    }
    last = connection.execute("SELECT max(rowid) FROM requests").fetchone()[0]
    connection.execute("PRAGMA synchronous = OFF")
    for table, count in (("requests", times), ("request_words", times), ("reservations", 2 * times)):
        before = connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0]
        for copy in range(1, count):
            changed = {
                "id": f"id || '~{copy}'",
                "request_id": f"request_id || '~{copy}'",
                "at": f"at + {1.7 * copy}",
                "created_at": f"created_at + {1.7 * copy}",
                "number": f"number + {copy * last}",
                "state": "state" if copy < times else "'released'",
                "cost_microusd": "cost_microusd" if copy < times else "0",
            }
            values = [changed.get(name, name) for name in columns[table]]
            rowid, number = ("rowid, ", f"rowid + {copy * last}, ") if table == "requests" else ("", "")
            connection.execute(
                f"INSERT INTO {table} ({rowid}{', '.join(columns[table])})"
                f" SELECT {number}{', '.join(values)} FROM {table} WHERE rowid <= ?",
                (before,),
            )
    connection.execute("INSERT INTO request_text (request_text) VALUES ('rebuild')")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


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


def measure_queries(path: Path, now: float) -> None:
    connection = open_read_only(path)
    clock = SystemClock()
    for text in FILTERS:
        for sort in ("newest", "cost"):
            with timed(f"requests, by {sort}: {text or '(all)'}"):
                read_page(connection, clock, parse(text, now), sort, "", 100)
    for period, by in REPORTS:
        for _ in range(2):
            with timed(f"spend of {period} by {by}"):
                read_report(connection, period, by, day_of(now), lambda *_: True)
    connection.close()


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
        measure_queries(folder / FILE_NAME, now)
        print("Writing")
        asyncio.run(measure_writing(folder, 500, now))


if __name__ == "__main__":
    main()
