"""A child process in memory: the real guards, a deterministic encoder, no LanceDB."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway_core.cache.encoder.windows import WINDOW_TOKENS, Spans
from gateway_core.cache.encoder.worker import Message
from gateway_core.cache.guards.select import Guards, Kind

DIMENSIONS = 64


class FakeEncoder:
    """Unit vectors of the words in a text: the more two texts share, the nearer they are."""

    dimensions = DIMENSIONS
    fingerprint = "fake"
    window_tokens = WINDOW_TOKENS

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        self.batches.append(list(texts))
        return [_vector(text) for text in texts]

    def spans(self, texts: Sequence[str]) -> list[Spans]:
        return [[match.span() for match in re.finditer(r"\w+|[^\w\s]", text)] for text in texts]


def _vector(text: str) -> list[float]:
    vector = [0.0] * DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        vector[sum(ord(letter) * (place + 1) for place, letter in enumerate(word)) % DIMENSIONS] += 1.0
    length = sum(value * value for value in vector) ** 0.5 or 1.0
    return [value / length for value in vector]


class FakeChild:
    """Finds every entry of a scope that passes the guards."""

    def __init__(self) -> None:
        self.state = "idle"
        self.detail = ""
        self.restarts = 0
        self.kept: dict[str, Message] = {}
        self.asked: list[Message] = []

    @property
    def entries(self) -> int:
        return len(self.kept)

    @entries.setter
    def entries(self, value: int) -> None:
        raise AssertionError("counted by itself")

    def start(self) -> None:
        self.state = "ready"

    async def ask(self, message: Message, timeout_s: float) -> Message | None:
        self.asked.append(message)
        if self.state != "ready":
            return None
        return {
            "hits": [
                {"entry": entry, "cosine": 0.97, "why": "words"}
                for entry in self.kept.values()
                if entry["scope_key"] == message["scope_key"]
                and entry["expires_at"] > message["now"]
                and Guards().verdict(message["text"], entry["user_text"], 0.97).kind is Kind.SERVE
            ]
        }

    def tell(self, message: Message) -> bool:
        if message["op"] == "add":
            self.kept[message["entry"]["id"]] = message["entry"]
        else:
            for one in message["ids"]:
                self.kept.pop(one, None)
        return True
