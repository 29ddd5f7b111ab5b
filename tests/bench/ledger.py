"""What a ledger of a million requests costs who looks at it: full-text search, and what the dashboard asks for."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from itertools import product
from pathlib import Path

from gateway_core.clock import SystemClock
from gateway_core.request_filter import parse
from gateway_core.spending.reading import read_report
from gateway_core.store.database import FILE_NAME
from gateway_core.store.days import day_of
from gateway_core.store.files import open_read_only
from gateway_core.store.request_pages import read_page
from tests.bench.figures import quantiles
from tests.bench.findings import Finding

REQUESTS = 1_000_000
COPIES = 50
"""One request in so many is written through the log itself; SQLite copies the others."""
WORDS = ("capital", "France", "invoice", "refactor", "parser", "test", "login", "weather", "summary", "mail", "Ada")
PAGE = 100
MOST_SEARCH_MS, MOST_DASHBOARD_MS = 200.0, 10.0
ASKED_TIMES = 20


def findings(kept: Path | None, requests: int = REQUESTS) -> list[Finding]:
    """Has ``python -m tests.large_ledger`` fill a folder, unless it is ``kept`` from another time, and asks it."""
    with tempfile.TemporaryDirectory() as name:
        folder = kept or Path(name, "ledger")
        if (folder / FILE_NAME).exists():
            return asked(folder / FILE_NAME, requests)
        options = ("--requests", str(requests), "--copies", str(COPIES), "--folder", str(folder))
        subprocess.run([sys.executable, "-m", "tests.large_ledger", *options], check=True, stdout=sys.stderr)
        return asked(folder / FILE_NAME, requests)


def asked(file: Path, requests: int) -> list[Finding]:
    """How long the database takes for searches of one word and of two, and for the dashboard's questions."""
    clock, now = SystemClock(), time.time()
    today = day_of(now)
    texts = [*WORDS, *(f"{one} {other}" for one, other in product(WORDS[:3], WORDS[5:]))]
    with closing(open_read_only(file)) as connection:

        def search(text: str) -> Callable[[], object]:
            return lambda: read_page(connection, clock, parse(text, now), "newest", "", PAGE)

        searches = [_ms(search(text)) for text in texts]
        newest = [_ms(search("")) for _ in range(ASKED_TIMES)]
        spent = [
            _ms(lambda: read_report(connection, "today", "tier", today, lambda *_: True)) for _ in range(ASKED_TIMES)
        ]
    name = f"ledger of {requests:,} requests"
    return [
        Finding(f"{name}: full-text search p95", quantiles(searches)["p95"], "ms", MOST_SEARCH_MS),
        Finding(f"{name}: the newest {PAGE} requests p95", quantiles(newest)["p95"], "ms", MOST_DASHBOARD_MS),
        Finding(f"{name}: today's spend by tier p95", quantiles(spent)["p95"], "ms", MOST_DASHBOARD_MS),
    ]


def _ms(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1e3
