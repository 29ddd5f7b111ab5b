"""A child process in memory: the real guards, a deterministic encoder, no LanceDB."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from gateway_core.cache.encoder.windows import WINDOW_TOKENS, Spans
from gateway_core.cache.encoder.worker import Message
from gateway_core.cache.guards.select import Guards, Kind, Verdict

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
    """Finds every entry of a scope that passes the guards, or that asks the same by a pair it has learned.

    What the guards are not sure of is grey. ``cosine`` is how near everything is to everything.
    """

    def __init__(self) -> None:
        self.state = "idle"
        self.detail = ""
        self.given_up = ""
        self.restarts = 0
        self.cosine = 0.97
        self.kept: dict[str, Message] = {}
        self.asked: list[Message] = []
        self.told: list[Message] = []
        self.lessons: dict[frozenset[str], bool] = {}
        self.unsure: set[frozenset[str]] = set()
        """Pairs that are grey whatever the guards say."""
        self.on_ready: Callable[[], None] = lambda: None

    @property
    def entries(self) -> int:
        return len(self.kept)

    @entries.setter
    def entries(self, value: int) -> None:
        raise AssertionError("counted by itself")

    def start(self) -> None:
        if self.state != "ready":
            self.state = "ready"
            self.on_ready()

    def die(self) -> None:
        """What it has learned is gone with it."""
        self.state = "starting"
        self.lessons.clear()

    async def ready(self) -> bool:
        return self.state == "ready"

    async def stop(self) -> None:
        self.state = "stopped"

    async def ask(self, message: Message, timeout_s: float) -> Message | None:
        self.asked.append(message)
        if self.state != "ready":
            return None
        if message["op"] == "entry":
            return {"entry": self.kept.get(message["id"])}
        if message["op"] != "find":
            self._take(message)
            return {"entries": self.entries}
        found = [(entry, self._verdict(message["text"], entry)) for entry in self.kept.values()]
        near = [
            (entry, verdict)
            for entry, verdict in found
            if entry["scope_key"] == message["scope_key"] and entry["expires_at"] > message["now"]
        ]
        return {
            "hits": [
                {"entry": entry, "cosine": self.cosine, "why": verdict.why}
                for entry, verdict in near
                if verdict.kind is Kind.SERVE
            ],
            "grey": [
                {"id": entry["id"], "question": entry["user_text"], "cosine": self.cosine, "why": verdict.why}
                for entry, verdict in near
                if verdict.kind is Kind.GREY
            ],
        }

    def _verdict(self, text: str, entry: Message) -> Verdict:
        pair = frozenset((text, entry["user_text"]))
        if self.lessons.get(pair):
            return Verdict(Kind.SERVE, "learned")
        if pair in self.unsure:
            return Verdict(Kind.GREY, "words")
        return Guards().verdict(text, entry["user_text"], self.cosine)

    def tell(self, message: Message) -> bool:
        if self.state in ("failed", "stopped"):
            return False
        self.told.append(message)
        self._take(message)
        return True

    def _take(self, message: Message) -> None:
        match message["op"]:
            case "add":
                self.kept[message["entry"]["id"]] = message["entry"]
            case "drop":
                for one in message["ids"]:
                    self.kept.pop(one, None)
            case "learn":
                for asked, stored, same in message["pairs"]:
                    self.lessons[frozenset((asked, stored))] = same
