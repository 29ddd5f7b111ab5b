"""A request log on a database in memory, and rows and filters of all kinds for it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import TypeVar, cast

from hypothesis import strategies as st

from gateway_core.model import CacheStatus, JsonObject, Lane, RequestRow, Status, Tier
from gateway_core.request_filter import parse
from gateway_core.request_pages import RequestsPage
from gateway_core.store.database import Database
from gateway_core.store.migrations import migrate
from gateway_core.store.request_index import open_index
from gateway_core.store.request_pages import read_page
from gateway_core.store.requests import RequestLog
from tests.store.support import NOON, FakeClock, request_detail, request_row

T = TypeVar("T")


class InMemory:
    """Does the store's work at once, on a connection of its own."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.execute("PRAGMA foreign_keys = ON")
        _empty().backup(self.connection)
        open_index(self.connection)
        self.on_hurry: list[Callable[[], None]] = []
        self.clock = FakeClock()
        self.log = RequestLog(cast(Database, self), self.clock)

    why_temporary = ""

    def begin(self, work: Callable[[sqlite3.Connection], T], *, patiently: bool = False) -> asyncio.Future[T]:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        done.set_result(work(self.connection))
        return done

    def hurry(self) -> None:
        """Nothing waits."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self.connection)

    def add(self, said: Said) -> None:
        detail = replace(request_detail(said.row, answer=said.answer), messages=said.messages)
        asyncio.run(self.log.add(said.row, detail))

    def page(
        self, text: str = "", sort: str = "newest", cursor: str = "", limit: int = 100, now: float = NOON
    ) -> RequestsPage:
        wanted = parse(text, now)
        assert not wanted.problem, wanted.problem
        return read_page(self.connection, self.clock, wanted, sort, cursor, limit)


@cache
def _empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    open_index(connection)
    return connection


@dataclass(frozen=True)
class Said:
    """A request with what was said in it."""

    row: RequestRow
    asked: str = ""
    answer: str | None = None

    @property
    def messages(self) -> tuple[JsonObject, ...]:
        return ({"role": "system", "content": "secret system words"}, {"role": "user", "content": self.asked})


WORDS = (
    "capital",
    "France",
    "Größe",
    "GROESSE",
    "cafe\u0301",
    "café",
    "Straße",
    "100%",
    "a_b",
    "x>y",
    "-",
    "東京",
    "天気",
)
MORE = (
    "naïve",
    "ﬁne",
    "İstanbul",
    "don't",
    "req_1",
    "µs",
    "²",
    "Ω",
    "привет",
    "ПРИВЕТ",
    "\ue000",
    "\x1f",
    "cap",
    "it:al",
)
AMOUNTS = (0, 1, 9_999, 10_000, 10_001, 2_000_000)
TIMES_MS = (0.0, 1.5, 499.0, 500.0, 2_000.0, 61_000.0)
AGES_S = (0, 1, 60, 7_200, 40_000, 90_000, 400_000)


def population(count: int) -> list[Said]:
    """Requests of all kinds; many came at the same time and cost the same."""
    random = Random(count)
    choice = random.choice

    def text() -> str:
        return " ".join(choice(WORDS + MORE) for _ in range(random.randrange(5)))

    return [
        Said(
            RequestRow(
                id=f"req_{number}",
                at=NOON - choice(AGES_S),
                status=choice(list(Status)),
                client=choice(("openclaw", "Claude-Code", "generic")),
                lane=choice(list(Lane)),
                purpose=choice(("chat", "title")),
                session=choice((None, "agent:main", "AGENT:x", "capital")),
                asked_model="gateway-auto",
                preview=text(),
                input_tokens=choice(AMOUNTS),
                output_tokens=choice(AMOUNTS),
                tools=0,
                stream=True,
                tier=choice((None, *Tier)),
                provider=choice((None, "groq", "Anthropic")),
                model=choice((None, "", "claude-sonnet-5-5", "QWEN2.5:7b")),
                cache=choice(list(CacheStatus)),
                route=choice(("", "simple", "hard:design")),
                cost_microusd=choice(AMOUNTS),
                saved_microusd=choice(AMOUNTS),
                latency_ms=choice(TIMES_MS),
                first_token_ms=choice((None, *TIMES_MS)),
                error_code=choice((None, "upstream_error", "kill_switch")),
                repaired=choice((True, False)),
            ),
            text(),
            choice((None, text())),
        )
        for number in range(count)
    ]


_words = st.sampled_from(
    (*WORDS, *MORE, "c", "cap", "capit", "FRANCE", "grosse", "strasse", "京", "fine", "secret", "%")
)
_phrases = st.lists(_words, min_size=1, max_size=3).map(lambda words: f'"{" ".join(words)}"')
_named = st.sampled_from(
    (
        *("tier:premium", "tier:ca,local", "tier:c", "lane:back", "status:ok", "status:run,f", "cache:hit", "cache:m"),
        *("model:claude", "model:QWEN,auto", "provider:groq", "client:CODE", "purpose:chat", "session:agent:"),
        *("route:hard", "error:upstream", "error:_", "id:req_1", "id:1,2", 'session:"agent:main"'),
    )
)
_compared = st.builds(
    lambda name, sign, value: f"{name}{sign}{value}",
    st.sampled_from(("cost", "saved", "tokens", "in", "out", "took", "ttft")),
    st.sampled_from((">", ">=", "<", "<=", "=")),
    st.sampled_from(("0", "0.01", "1", "2", "0.5")),
)
_when = st.sampled_from(
    ("at:today", "at:yesterday", "since:1h", "since:2h", "before:1m", "before:today", "since:11:59")
)
_terms = st.builds(
    lambda inverted, term: f"!{term}" if inverted else term,
    st.booleans(),
    st.one_of(_words, _phrases, _named, _compared, _when),
)
filters = st.lists(_terms, max_size=3).map(" ".join)


def few_rows(count: int) -> list[Said]:
    """Rows a minute apart, the last the newest."""
    return [Said(request_row(f"req_{number:03}", at=NOON + 60 * number)) for number in range(count)]
