"""What a person is told when the local server goes away and comes back: once each, and not at every stumble."""

from __future__ import annotations

from collections import deque
from urllib.parse import urlsplit

from gateway_core.clock import Clock
from gateway_core.events import Notice
from gateway_core.frozen import frozen
from gateway_core.ollama.abilities import PRODUCTS

SOURCE = "local models"
MOST_TOLD = 2
"""Comings and goings that are told within :data:`WITHIN_S`: a restart is one of each."""
WITHIN_S = 60.0


@frozen
class Seen:
    """A server that answers: its product, its root, and the model that serves."""

    product: str
    root: str
    model: str | None

    @property
    def name(self) -> str:
        """For people: ``Ollama at 127.0.0.1:11434``."""
        return f"{PRODUCTS.get(self.product, 'The local server')} at {urlsplit(self.root).netloc}"


@frozen
class Meanwhile:
    """What serves while no server answers: whether the built-in model does, or is about to, and what to know of it."""

    stands_in: bool
    words: str


class Presence:
    """Hears of every look at the server, and answers with what is worth a notice.

    What was too much to be told is made up for later, unless all is as it was told by then.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_at: deque[float] = deque(maxlen=MOST_TOLD)
        self._told_words = ""
        self.forget()

    def forget(self) -> None:
        """Another server is looked for from now on: that it is there, or is not, is no news."""
        self._there: bool | None = None
        self._told: bool | None = None
        self._turns = 0
        self._name = ""
        self._stand_in_told = False

    def look(self, seen: Seen | None, trouble: str, meanwhile: Meanwhile) -> tuple[Notice, ...]:
        """After a look, which found ``seen`` or met ``trouble``."""
        there = seen is not None
        self._turns += self._there not in (None, there)
        self._there = there
        if self._told is None:
            self._told, self._name = there, seen.name if seen else ""
        if there is self._told:
            return self._still(meanwhile)
        if not self._may_tell():
            return ()
        notice = self._back(seen) if seen else self._gone(trouble, meanwhile)
        self._told, self._turns = there, 0
        return (notice,)

    def _back(self, seen: Seen) -> Notice:
        came = "is back" if self._name == seen.name else "answers"
        self._name = seen.name
        model = f"it serves {seen.model}" if seen.model else "it has no model"
        return self._notice("info", f"{seen.name} {came}: {model}.{self._often}")

    def _gone(self, trouble: str, meanwhile: Meanwhile) -> Notice:
        self._stand_in_told, self._told_words = meanwhile.stands_in, meanwhile.words
        then = " The built-in model stands in." if meanwhile.stands_in else f" {meanwhile.words}".rstrip()
        return self._notice("warning", f"{self._name} went away: {trouble}.{then}{self._often}")

    def _still(self, meanwhile: Meanwhile) -> tuple[Notice, ...]:
        """Nothing came or went; what serves meanwhile may have."""
        if not meanwhile.words or meanwhile.words == self._told_words:
            return ()
        self._told_words = meanwhile.words
        if meanwhile.stands_in and self._stand_in_told:
            return ()
        return (self._notice("info" if meanwhile.stands_in else "warning", meanwhile.words),)

    @property
    def _often(self) -> str:
        return f" It came and went {self._turns} times since that was last told." if self._turns > 1 else ""

    def _may_tell(self) -> bool:
        now_s = self._clock.monotonic()
        if len(self._told_at) == MOST_TOLD and now_s - self._told_at[0] < WITHIN_S:
            return False
        self._told_at.append(now_s)
        return True

    def _notice(self, level: str, text: str) -> Notice:
        return Notice(self._clock.now(), level, text, SOURCE)
