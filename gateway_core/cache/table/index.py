"""Answers the gateway's messages about answers by meaning, in the encoder's child process."""

from __future__ import annotations

import time
from collections.abc import Callable

from gateway_core.cache.encoder.embedder import Encoder, Remembering
from gateway_core.cache.guards.select import LOWEST_COSINE, NEIGHBOURS, Guards, Kind
from gateway_core.cache.table.browse import browse, entry
from gateway_core.cache.table.entry import ENTRY_COLUMNS, Entry, Message, Use
from gateway_core.cache.table.vectors import Vectors

_LARGEST_NUMBER = 2**53


class Index:
    """Answers ``find``, ``add``, ``hit``, ``drop``, ``learn``, ``browse`` and ``entry``.

    ``find {text, scope_key, now}`` gives ``hits`` and ``grey``; ``hit {id, at, saved_microusd, saved_ms}`` is told;
    ``drop`` takes ``ids``, a ``scope_key`` or ``all`` and gives ``dropped``; ``browse {query, limit, before, order}``
    gives ``rows`` without their answers and ``total``; ``entry {entry_id}`` gives ``entry`` or null (``id`` is the
    number of a question, see :meth:`Worker.ask`). A message that cannot be understood is answered with ``error``.
    """

    def __init__(self, encoder: Encoder, vectors: Vectors, clock: Callable[[], float] = time.time) -> None:
        self._encoder = Remembering(encoder)
        self._vectors = vectors
        self._guards = Guards()
        self._clock = clock

    async def answer(self, batch: list[Message]) -> list[Message]:
        """The replies to messages, in their order; the texts of all of them are encoded together."""
        texts = [message["text"] if message["op"] == "find" else message["entry"]["user_text"]
                 for message in batch if message["op"] in ("find", "add")]  # fmt: skip
        vectors = dict(zip(texts, self._encoder.encode(texts), strict=True)) if texts else {}
        replies = []
        for message in batch:
            reply: Message = {"id": message.get("id")}
            try:
                reply |= await self._one(message, vectors)
            except (ValueError, TypeError, KeyError) as error:
                reply["error"] = str(error)[:200]
            replies.append({**reply, "entries": await self._vectors.count()})
        if replies and (note := self._vectors.take_note()):
            replies[-1]["note"] = note
        return replies

    async def _one(self, message: Message, vectors: dict[str, list[float]]) -> Message:
        match message["op"]:
            case "find":
                return await self._find(message, vectors[message["text"]])
            case "add":
                kept = Entry(**message["entry"])
                self._vectors.add(kept, vectors[kept.user_text])
            case "hit":
                saved = min(int(message["saved_microusd"]), _LARGEST_NUMBER)
                use = Use(1, float(message["at"]), saved, float(message["saved_ms"]))
                self._vectors.hit(message["id"], use)
            case "drop":
                return {"dropped": await self._drop(message)}
            case "learn":
                for asked, stored, same in message["pairs"]:
                    self._guards.learn(asked, stored, same)
            case "browse":
                asked = {name: message[name] for name in ("limit", "order", "before") if message.get(name) is not None}
                page = await browse(self._vectors, str(message.get("query") or ""), self._clock(), **asked)
                return {"rows": page.rows, "total": page.total}
            case "entry":
                return {"entry": await entry(self._vectors, message["entry_id"])}
        return {}

    async def _drop(self, message: Message) -> int:
        if "scope_key" in message:
            return await self._vectors.drop_scope(message["scope_key"])
        return await (self._vectors.drop_all() if message.get("all") is True else self._vectors.drop(message["ids"]))

    async def _find(self, message: Message, vector: list[float]) -> Message:
        """The neighbours that pass the guards, and those that a judge should look at; nearest first."""
        near = await self._vectors.find(vector, message["scope_key"], message["now"], NEIGHBOURS, LOWEST_COSINE)
        judged = [(one, self._guards.verdict(message["text"], one.entry.user_text, one.cosine)) for one in near]
        return {
            "hits": [
                {"entry": _as_message(one.entry), "cosine": one.cosine, "why": verdict.why}
                for one, verdict in judged
                if verdict.kind is Kind.SERVE
            ],
            "grey": [
                {"id": one.entry.id, "question": one.entry.user_text, "cosine": one.cosine, "why": verdict.why}
                for one, verdict in judged
                if verdict.kind is Kind.GREY
            ],
        }


def _as_message(kept: Entry) -> Message:
    return {name: getattr(kept, name) for name in ENTRY_COLUMNS}
