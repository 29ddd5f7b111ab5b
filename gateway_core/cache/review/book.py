"""What is known of pairs of questions, in memory for look-ups and on the disk for good."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from hashlib import sha256

from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.store.pairs import KnownPair, Pair, PairKind, PairStore, PairVerdict

HOUR_S = 3600.0
MOST_QUEUED_AN_HOUR = 60
"""Grey pairs; hits that were picked for a check are few, and always wait."""
USER = "user"


@frozen
class Alias:
    """A question found to ask the same as another one; ``entry_id`` is that of its cached answer."""

    entry_id: str
    cosine: float


def entry_id(scope_key: str, question: str) -> str:
    """The id of the cached answer to a question, 32 hex digits."""
    return sha256(f"{scope_key}\n{question}".encode()).hexdigest()[:32]


def pair_id(scope_key: str, one: str, other: str) -> str:
    """Two wordings in one scope, whichever was asked first, as 64 hex digits."""
    first, second = sorted((one, other))
    return sha256(f"{scope_key}\n{len(first)}\n{first}\n{second}".encode()).hexdigest()


class Book:
    """Verdicts by pair, aliases, and the queue to the judge."""

    def __init__(self, store: PairStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[PairVerdict, PairKind]] = {}
        self._tally: Counter[tuple[PairVerdict, PairKind]] = Counter()
        self._aliases: dict[str, tuple[Alias, ...]] = {}
        self._new: dict[str, Pair] = {}
        self._queued_at: deque[float] = deque()

    async def load(self, blocked: frozenset[str] = frozenset()) -> None:
        """Takes up what the disk has, and the ids of pairs ``blocked`` elsewhere. Raises ``StoreError``."""
        if blocked:
            await self._store.block(blocked, self._clock.now())
        for pair in await self._store.known():
            self._learn(pair)

    def verdict(self, pair: str) -> PairVerdict | None:
        """What is known of a pair; None where it was never thought about."""
        known = self._known.get(pair)
        return known[0] if known else None

    def is_marked(self, pair: str) -> bool:
        """Whether the user said that it is wrong."""
        return self._known.get(pair) == (PairVerdict.DIFFERENT, PairKind.USER)

    def aliases(self, entry: str) -> tuple[Alias, ...]:
        """Questions that ask the same as the one whose answer would be ``entry``, latest verdict first."""
        return self._aliases.get(entry, ())

    @property
    def has_waiting(self) -> bool:
        return any(self._tally[PairVerdict.WAITING, kind] for kind in PairKind)

    def count(self, kind: PairKind, verdict: PairVerdict) -> int:
        """Pairs of a kind and a verdict."""
        return self._tally[verdict, kind]

    def queue(self, pair: Pair) -> bool:
        """Has a pair wait for the judge; False when it is judged already, or when the hour has had its share."""
        known = self._known.get(pair.id)
        if known and known[0] is not PairVerdict.WAITING:
            return False
        if pair.kind is PairKind.GREY:
            if known or not self._has_room():
                return False
            self._queued_at.append(self._clock.now())
        waiting = self._new.get(pair.id)
        self._new[pair.id] = replace(pair, samples=pair.samples + waiting.samples) if waiting else pair
        kind = pair.kind if not known or pair.kind is PairKind.SHADOW else known[1]
        self._set(pair.id, (PairVerdict.WAITING, kind))
        return True

    async def flush(self) -> None:
        """Writes what is new in the queue. Raises ``StoreError``; nothing is lost then."""
        new, self._new = self._new, {}
        if not new:
            return
        try:
            dropped = await self._store.queue(list(new.values()))
        except BaseException:
            self._new = new | self._new
            raise
        for pair in dropped:
            self._set(pair, None)

    async def next_waiting(self) -> Pair | None:
        """The pair to judge next. Raises ``StoreError``."""
        await self.flush()
        return await self._store.next_waiting()

    async def settle(self, pair: Pair, verdict: PairVerdict, by: str, error: str = "") -> Pair | None:
        """Keeps a verdict for good; in force at once, also where the disk fails. Returns the pair as it was before.

        A verdict of WAITING is another try. Raises ``StoreError``.
        """
        judged_at = None if verdict is PairVerdict.WAITING else self._clock.now()
        kind = PairKind.USER if by == USER else pair.kind
        judged = replace(
            pair,
            verdict=verdict,
            kind=kind,
            judged_by=by,
            judged_at=judged_at,
            attempts=pair.attempts + (by != USER),
            error=error,
        )
        waiting = self._new.pop(pair.id, None)
        self._learn(KnownPair(pair.id, verdict, kind, pair.scope_key, pair.asked, pair.stored, pair.cosine))
        before = await self._store.judge(judged)
        return before or waiting

    async def lessons(self, most: int) -> list[tuple[str, str, bool]]:
        """Verdicts as (asked, stored, same), the newest last. Raises ``StoreError``."""
        return await self._store.lessons(most)

    async def prune(self) -> None:
        """Drops what is too old or too much. Raises ``StoreError``."""
        for pair in await self._store.prune(self._clock.now()):
            self._set(pair, None)

    def _has_room(self) -> bool:
        while self._queued_at and self._queued_at[0] <= self._clock.now() - HOUR_S:
            self._queued_at.popleft()
        return len(self._queued_at) < MOST_QUEUED_AN_HOUR

    def _set(self, pair: str, known: tuple[PairVerdict, PairKind] | None) -> None:
        if before := self._known.pop(pair, None):
            self._tally[before] -= 1
        if known:
            self._known[pair] = known
            self._tally[known] += 1

    def _learn(self, pair: KnownPair) -> None:
        self._set(pair.id, (pair.verdict, pair.kind))
        if not pair.asked:
            return
        ends = (entry_id(pair.scope_key, pair.asked), entry_id(pair.scope_key, pair.stored))
        for here, there in (ends, ends[::-1]):
            others = tuple(alias for alias in self._aliases.get(here, ()) if alias.entry_id != there)
            if pair.verdict is PairVerdict.SAME:
                self._aliases[here] = (Alias(there, pair.cosine), *others)
            elif len(others) != len(self._aliases.get(here, ())):
                self._aliases[here] = others
