"""Answers the gateway's messages about answers by meaning, in the encoder's child process."""

from __future__ import annotations

from typing import Any

from gateway_core.cache.encoder.embedder import Encoder, Remembering
from gateway_core.cache.guards.select import NEIGHBOURS, Guards, Kind
from gateway_core.cache.table.vectors import Entry, Vectors

Message = dict[str, Any]


class Index:
    """Answers the gateway's messages: ``find``, ``add``, ``drop``, ``learn``."""

    def __init__(self, encoder: Encoder, vectors: Vectors) -> None:
        self._encoder = Remembering(encoder)
        self._vectors = vectors
        self._guards = Guards()

    async def answer(self, batch: list[Message]) -> list[Message]:
        """The replies to messages, in their order; the texts of all of them are encoded together."""
        texts = [message["text"] if message["op"] == "find" else message["entry"]["user_text"]
                 for message in batch if message["op"] in ("find", "add")]  # fmt: skip
        vectors = dict(zip(texts, self._encoder.encode(texts), strict=True)) if texts else {}
        return [await self._one(message, vectors) for message in batch]

    async def _one(self, message: Message, vectors: dict[str, list[float]]) -> Message:
        reply: Message = {"id": message.get("id")}
        match message["op"]:
            case "find":
                found = await self._find(message, vectors[message["text"]])
                return {**reply, **found, "entries": await self._vectors.count()}
            case "add":
                entry = Entry(**message["entry"])
                await self._vectors.add(entry, vectors[entry.user_text])
            case "drop":
                await self._vectors.drop(message["ids"])
            case "learn":
                for asked, stored, same in message["pairs"]:
                    self._guards.learn(asked, stored, same)
        return {**reply, "entries": await self._vectors.count()}

    async def _find(self, message: Message, vector: list[float]) -> Message:
        """The neighbours that pass the guards, and those that a judge should look at; nearest first."""
        near = await self._vectors.find(vector, message["scope_key"], message["now"], NEIGHBOURS)
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


def _as_message(entry: Entry) -> Message:
    return {name: getattr(entry, name) for name in Entry.__slots__}
