"""Both answer caches as a person sees them: listed, searched, opened, forgotten.

What cannot be seen is said, never left out: a semantic cache that is still starting is no empty one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from gateway_core.cache.encoder.worker import Message
from gateway_core.cache.semantic import Child
from gateway_core.cache_entries import EXACT, KINDS, RANKS, SEMANTIC, merged
from gateway_core.choices import CACHE_ORDERS
from gateway_core.clock import Clock
from gateway_core.model import CacheEntry, CacheEntryDetail, CacheHit, CachePage, JsonObject
from gateway_core.store.answers import AnswerStore
from gateway_core.store.errors import StoreError
from gateway_core.store.requests import RequestLog
from gateway_core.wire.openai_chat import first_choice

MOST_ROWS = 500
WAIT_S = 5.0
"""For a table of a hundred thousand; nobody's request waits behind it."""
WORDINGS = 20
CURSOR = re.compile(r"(?P<exact>x-[0-9a-f]{16})?~(?P<semantic>s-[0-9a-f]{8,64})?")
"""Where a page ended in either cache."""
_ID = re.compile(r"x-[0-9a-f]{8,64}|s-[0-9a-f]{8,64}")
_WHY = {
    "idle": "The semantic cache's process is being started for this. Ask again in a few seconds.",
    "starting": "The semantic cache's process is starting. Ask again in a few seconds.",
    "stopped": "The semantic cache's process has ended with the gateway.",
    "ready": "The semantic cache is too busy to be looked at. Ask again in a few seconds.",
}


class CacheUnavailable(Exception):
    """A cache cannot be looked at now; the message says why and what to do. ``later``: waiting helps."""

    def __init__(self, message: str, *, later: bool) -> None:
        super().__init__(message)
        self.later = later


class Browser:
    """The entries of both caches. ``child`` None is a semantic cache that is switched off.

    Methods raise :class:`CacheUnavailable`, and ``StoreError`` for the exact cache's file.
    """

    def __init__(self, answers: AnswerStore, requests: RequestLog, child: Child | None, clock: Clock) -> None:
        self._answers = answers
        self._requests = requests
        self._child = child
        self._clock = clock

    async def entries(
        self,
        *,
        query: str = "",
        order: str = "newest",
        limit: int = 100,
        before: str = "",
        kinds: Sequence[str] = KINDS,
    ) -> CachePage:
        """Entries whose question has ``query`` in it, whatever its case; ``before`` is the page before's ``next``.

        A semantic cache that is off has no entries, one that is not ready has :class:`CacheUnavailable`.
        """
        if order not in CACHE_ORDERS:
            raise ValueError(f"order is one of {', '.join(CACHE_ORDERS)}")
        ended = CURSOR.fullmatch(before or "~")
        if ended is None:
            raise ValueError("before is the next of another page")
        limit = max(1, min(limit, MOST_ROWS))
        found: list[CacheEntry] = []
        total = 0
        if EXACT in kinds:
            exact = await self._exact(query, order)
            start = next((at for at, one in enumerate(exact, 1) if one.id == ended["exact"]), 0)
            total, found = len(exact), exact[start : start + limit]
        if SEMANTIC in kinds and self._child is not None:
            rows, many = await self._semantic(query, order, limit, (ended["semantic"] or "").removeprefix("s-"))
            total, found = total + many, found + rows
        found.sort(key=RANKS[order], reverse=True)
        shown = found[:limit]
        last = {kind: ended[kind] or "" for kind in KINDS} | {one.kind: one.id for one in shown}
        more = len(shown) == limit and (total > limit or before != "")
        return CachePage(tuple(shown), total, f"{last[EXACT]}~{last[SEMANTIC]}" if more else "")

    async def look(self, query: str, order: str) -> CachePage:
        """What can be seen of both, and in ``problem`` why not the rest. Raises nothing."""
        pages = []
        for kind in KINDS:
            try:
                pages.append(await self.entries(query=query, order=order, limit=MOST_ROWS, kinds=(kind,)))
            except (CacheUnavailable, StoreError) as error:
                pages.append(CachePage(problem=str(error)))
        return merged(pages, order)

    async def entry(self, entry_id: str) -> CacheEntryDetail | None:
        """One entry with its answer; None when there is none."""
        if not _ID.fullmatch(entry_id):
            return None
        if entry_id.startswith("x-"):
            found = await self._answers.find(entry_id)
            return CacheEntryDetail(found[1], _message(found[2].completion) if found[2] else None) if found else None
        if self._child is None:
            return None
        raw_id = entry_id.removeprefix("s-")
        row = (await self._ask({"op": "entry", "entry_id": raw_id})).get("entry")
        if not isinstance(row, dict):
            return None
        answer = None
        with suppress(ValueError):
            answer = _message(orjson.loads(row.get("completion") or ""))
        said = await self._requests.wordings(raw_id, WORDINGS)
        entry = _semantic_entry(row)
        return CacheEntryDetail(entry, answer, tuple(one for one in said if one != entry.question))

    async def hits(self, limit: int) -> tuple[CacheHit, ...]:
        """The newest requests that a cache answered."""
        return await self._requests.hits(max(1, min(limit, MOST_ROWS)))

    async def forget(self, entry_id: str) -> bool:
        """Forgets one answer; False when there is none of that id."""
        if not _ID.fullmatch(entry_id):
            return False
        if entry_id.startswith("x-"):
            found = await self._answers.find(entry_id)
            return found is not None and await self._answers.delete(found[0])
        raw_id = entry_id.removeprefix("s-")
        if self._child is None or not (await self._ask({"op": "entry", "entry_id": raw_id})).get("entry"):
            return False
        await self._ask({"op": "drop", "ids": [raw_id]})
        return True

    async def clear(self, kinds: Sequence[str]) -> int:
        """Forgets all answers of the caches named; returns how many. Either all of them or none."""
        dropped = 0
        if SEMANTIC in kinds and self._child is not None:
            many = self._child.entries
            dropped = int((await self._ask({"op": "drop", "all": True})).get("dropped", many))
        if EXACT in kinds:
            dropped += await self._answers.clear()
        return dropped

    async def _exact(self, query: str, order: str) -> list[CacheEntry]:
        wanted = query.casefold()
        listed = [one for one in await self._answers.listed(self._clock.now()) if wanted in one.question.casefold()]
        return sorted(listed, key=RANKS[order], reverse=True)

    async def _semantic(self, query: str, order: str, limit: int, before: str) -> tuple[list[CacheEntry], int]:
        asked: Message = {"op": "browse", "query": query, "limit": limit, "order": order, "before": before or None}
        reply = await self._ask(asked)
        return [_semantic_entry(row) for row in reply.get("rows", ())], int(reply.get("total", 0))

    async def _ask(self, message: Message) -> Message:
        child = self._child
        assert child is not None
        state = child.state
        if state == "failed":
            text = (
                f"The semantic cache's process does not run: {child.detail or 'it died'}. Restart llmgw to try again."
            )
            raise CacheUnavailable(text, later=False)
        child.start()
        reply = await child.ask(message, WAIT_S)
        if reply is None:
            raise CacheUnavailable(_WHY.get(state, _WHY["starting"]), later=state != "stopped")
        if "error" in reply:
            raise CacheUnavailable(f"The semantic cache cannot do that: {reply['error']}", later=False)
        return reply


def _semantic_entry(row: dict[str, Any]) -> CacheEntry:
    """A row of the child's as an entry; what is damaged in it raises :class:`CacheUnavailable`."""
    try:
        return _kind().validate_python({**row, "id": f"s-{row['id']}", "kind": SEMANTIC, "question": row["user_text"]})
    except (ValidationError, KeyError):
        raise CacheUnavailable("The semantic cache's process answers in another version's form.", later=False) from None


@cache
def _kind() -> TypeAdapter[CacheEntry]:
    return TypeAdapter(CacheEntry)


def _message(completion: JsonObject) -> JsonObject | None:
    message = (first_choice(completion) or {}).get("message")
    return message if isinstance(message, dict) else None
