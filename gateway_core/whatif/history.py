"""The answered requests of some days as columns of numbers, small enough to be kept while somebody looks."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from gateway_core.frozen import frozen
from gateway_core.kinds import Counted
from gateway_core.routing.landscape import UPWARD
from gateway_core.store.days import days_before
from gateway_core.store.replayed import Replayed, answered_between, not_answered_between
from gateway_core.store.report import cost_by_day

Ints = NDArray[np.int64]
Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

PLACES = (*(tier.value for tier in UPWARD), "cache")
"""Where an answer comes from; the index is its code."""
LOCAL, CHEAP, PREMIUM, CACHE = range(4)
UNKNOWN = -1
"""Money that was never known."""
_TIERS: Mapping[str | None, int] = {tier.value: code for code, tier in enumerate(UPWARD)}
_COUNTED: Mapping[str, int] = {Counted.MEASURED: 0, Counted.ESTIMATED: 1, Counted.CEILING: 2}
_EMBEDDING = "embedding"


class Decided(IntEnum):
    """What decided where a request goes; all but the last two are the difficulty."""

    EASY = 0
    UNCLEAR = 1
    HARD = 2
    JUDGED_EASY = 3
    JUDGED_UNCLEAR = 4
    JUDGED_HARD = 5
    BACKGROUND = 6
    OTHERWISE = 7


_ROUTES = {
    "simple": Decided.EASY,
    "default": Decided.UNCLEAR,
    "hard": Decided.HARD,
    "judged:easy": Decided.JUDGED_EASY,
    "judged:medium": Decided.JUDGED_UNCLEAR,
    "judged:hard": Decided.JUDGED_HARD,
}
"""By the router's words; see ``gateway_core.routing.router``."""


def decided_by(route: str) -> Decided:
    """What a route's word says; where the request went in the end does not matter."""
    word = route.partition(">")[0]
    background = word.startswith("background:")
    return Decided.BACKGROUND if background else _ROUTES.get(word, Decided.OTHERWISE)


@frozen
class History:
    """Columns of answered requests, in the order of their days and within these as they came."""

    days: tuple[str, ...]
    lanes: tuple[str, ...]
    day: Ints
    """Index into ``days``."""
    lane: Ints
    made_by: Codes
    """The tier whose model wrote the answer, also of one that a cache gave."""
    hit: Flags
    decided: Codes
    """See :class:`Decided`."""
    replayable: Flags
    """Chat with known tokens."""
    embedding: Flags
    difficulty: Floats
    """NaN where it was not kept."""
    tools: Flags
    input_tokens: Ints
    output_tokens: Ints
    read_tokens: Ints
    """Of the prompt, what the request would read from a prompt cache, by what its session did; 0 where none did."""
    write_tokens: Ints
    input_counted: Codes
    output_counted: Codes
    cost: Ints
    no_prompt_cache: Ints
    no_answer_cache: Ints
    went_to: Codes
    """Codes of :data:`PLACES`."""
    other_cost: Ints
    """By day: what the ledger holds of no answered request. Less than nothing where a request ended after a later
    call of it was charged to the next day."""
    not_answered: int = 0
    not_answered_microusd: int = 0

    @property
    def many(self) -> int:
        return len(self.day)


def read_history(connection: sqlite3.Connection, first: str, last: str) -> History:
    """The history of UTC days, both included."""
    days = [last]
    while days[-1] > first:
        days.append(days_before(days[-1], 1))
    columns = Columns()
    for rows in answered_between(connection, first, last):
        columns.add(rows)
    charged = cost_by_day(connection, first, last)
    not_answered = not_answered_between(connection, first, last)
    return columns.history(tuple(reversed(days)), charged, *not_answered)


class Columns:
    """Gathers pieces of columns; texts become numbers as they come."""

    def __init__(self) -> None:
        self._pieces: list[dict[str, NDArray[np.generic]]] = []
        self._lanes: dict[str, int] = {}
        self._sessions: dict[str | None, int] = {None: 0}
        self._targets: dict[str, int] = {}
        self._routes: dict[str, int] = {}

    def add(self, rows: Replayed) -> None:
        numbers = {
            name: np.array(getattr(rows, name), np.int64)
            for name in (
                *("day", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
                "cost_microusd",
            )
        }
        money = {name: _known(getattr(rows, f"{name}_microusd")) for name in ("no_prompt_cache", "no_answer_cache")}
        codes = {
            "lane": _codes(rows.lane, self._lanes),
            "session": _codes(rows.session, self._sessions),
            "target": _codes(rows.target, self._targets),
        }
        for route in set(rows.route) - self._routes.keys():
            self._routes[route] = decided_by(route)
        small = {
            "made_by": [_TIERS.get(tier, PREMIUM) for tier in rows.tier],
            "decided": [self._routes[route] for route in rows.route],
            "input_counted": [_COUNTED.get(how, 1) for how in rows.input_counted],
            "output_counted": [_COUNTED.get(how, 1) for how in rows.output_counted],
        }
        flags = {
            "hit": [cache in ("exact", "semantic") for cache in rows.cache],
            "embedding": [purpose == _EMBEDDING for purpose in rows.purpose],
            "tools": [many > 0 for many in rows.tools],
        }
        self._pieces.append(
            {
                **numbers,
                **money,
                **codes,
                **{name: np.array(values, np.int8) for name, values in small.items()},
                **{name: np.array(values, np.bool_) for name, values in flags.items()},
                "difficulty": np.array(rows.difficulty, np.float64),
            }
        )

    def history(
        self, days: tuple[str, ...], charged: Mapping[str, int], not_answered: int, not_answered_microusd: int
    ) -> History:
        if not self._pieces:
            self.add(Replayed(*(() for _ in Replayed._fields)))
        whole = {name: np.concatenate([piece[name] for piece in self._pieces]) for name in self._pieces[0]}
        self._pieces.clear()
        order = np.argsort(whole["day"], kind="stable")
        whole = {name: values[order] for name, values in whole.items()}
        read, written = _cached(whole, len(self._sessions), len(self._targets))
        cost = _ints(whole["cost_microusd"])
        of_requests = np.zeros(len(days), np.int64)
        np.add.at(of_requests, _ints(whole["day"]), cost)
        prompt, output = _ints(whole["input_tokens"]), _ints(whole["output_tokens"])
        embedding, hit = whole["embedding"].astype(np.bool_), whole["hit"].astype(np.bool_)
        made_by = whole["made_by"].astype(np.int8)
        return History(
            days=days,
            lanes=tuple(self._lanes),
            day=_ints(whole["day"]),
            lane=_ints(whole["lane"]),
            made_by=made_by,
            hit=hit,
            decided=whole["decided"].astype(np.int8),
            replayable=~embedding & (prompt + output > 0),
            embedding=embedding,
            difficulty=whole["difficulty"].astype(np.float64),
            tools=whole["tools"].astype(np.bool_),
            input_tokens=prompt,
            output_tokens=output,
            read_tokens=read,
            write_tokens=written,
            input_counted=whole["input_counted"].astype(np.int8),
            output_counted=whole["output_counted"].astype(np.int8),
            cost=cost,
            no_prompt_cache=_ints(whole["no_prompt_cache"]),
            no_answer_cache=_ints(whole["no_answer_cache"]),
            went_to=np.where(hit, np.int8(CACHE), made_by),
            other_cost=np.array([charged.get(day, 0) for day in days], np.int64) - of_requests,
            not_answered=not_answered,
            not_answered_microusd=not_answered_microusd,
        )


def _cached(whole: Mapping[str, NDArray[np.generic]], sessions: int, targets: int) -> tuple[Ints, Ints]:
    """What of each prompt its session read from, and wrote to, prompt caches: the session's own share, over those of
    its requests that went to models which cached anything. An answer cache's hit says nothing of it."""
    prompt, session, target = (_ints(whole[name]) for name in ("input_tokens", "session", "target"))
    read, written = _ints(whole["cache_read_tokens"]), _ints(whole["cache_write_tokens"])
    asked = ~whole["hit"].astype(np.bool_) & (session > 0)
    caching = np.bincount(target[asked], (read + written)[asked], targets) > 0
    counted = asked & caching[target] if targets else asked
    seen = np.bincount(session[counted], prompt[counted], sessions)
    found = []
    for tokens in (read, written):
        share = np.bincount(session[counted], tokens[counted], sessions) / np.maximum(seen, 1)
        found.append(np.floor(np.minimum(share, 1.0)[session] * prompt).astype(np.int64))
    return found[0], np.minimum(found[1], prompt - found[0])


def _codes(texts: Sequence[str | None], known: dict[str, int] | dict[str | None, int]) -> Ints:
    codes: dict[str | None, int] = known  # type: ignore[assignment]
    return np.array([codes.setdefault(text, len(codes)) for text in texts], np.int64)


def _known(values: Sequence[int | None]) -> Ints:
    return np.array([UNKNOWN if value is None else value for value in values], np.int64)


def _ints(values: NDArray[np.generic]) -> Ints:
    return values.astype(np.int64, copy=False)
