"""What is remembered of conversations: who answered, what that cached, and what was asked again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import field, replace
from typing import Generic, TypeVar

from gateway_core.frozen import frozen
from gateway_core.model import ChatRequest, Target, Usage
from gateway_core.routing.again import ALIKE_FROM, is_complaint, nearness
from gateway_core.routing.place import Place
from gateway_core.routing.switching import FREE, Prices
from gateway_core.wire.prompt_cache import Ttl
from gateway_core.wire.tool_loops import circling

REMEMBERED_TURNS = 2_048
"""Names of turns and sessions; each turn has two, and each step of a tool loop one more."""
REMEMBERED_REQUESTS = 2_048
AGAIN_WITHIN_S = 600.0
"""How long after an answer the same words ask for a better one: to read it takes minutes, after that it is a habit."""
STRIKES = 3
"""How often the very same request must come to be one that asks for more."""
_KEPT_CHARACTERS = 2_000
_LIVES_S = {"groq": 7_200.0}
"""Of prompt caches that need no marker, where it is not like Anthropic's shorter one: Groq keeps what is used within
two hours (console.groq.com/docs/prompt-caching), OpenAI for 5 to 10 minutes (its guide "Prompt caching"; 2026-11)."""

_SHORT_S = Ttl.SHORT.seconds

Vector = tuple[float, ...]
Vectors = tuple[Vector | None, Vector | None]
PricesOf = Callable[[Target], Prices]
Value = TypeVar("Value")


@frozen
class Standing:
    """What is known of a request's conversation when it comes. Times are Unix seconds."""

    target: Target | None = None
    """Who answered last."""
    request_id: str = ""
    at: float = 0.0
    cached_tokens: int = 0
    """Of that answer's prompt, in the provider's prompt cache, read or written, as it reported them."""
    life_s: float = 0.0
    warm_until: float = 0.0
    output_tokens: int = 0
    turns: int = 1
    in_loop_since: float | None = None
    looping: str = ""
    """The tool that the model calls over and over."""
    asked_again: float | None = None
    again_of: str = ""
    repeats: int = 0
    raised: bool = False
    """A tier was added to this turn before, or to what it asks again."""
    now: float = 0.0
    prices: PricesOf = field(default=lambda _: FREE, repr=False, compare=False)

    @property
    def warm_s(self) -> float:
        return max(0.0, self.warm_until - self.now)

    @property
    def wants_more(self) -> bool:
        """Whether the answer before was not good enough: it is asked for again, or for the third time."""
        return bool(self.again_of) or self.strikes

    @property
    def strikes(self) -> bool:
        """Whether this is the third time, and no other: a program that asks on and on costs one better answer."""
        return self.repeats == STRIKES - 1


@frozen
class Answered:
    """The last answer within a turn. ``loop_since`` is when its tool loop began; None where no tool is asked for."""

    request_id: str
    target: Target
    began_at: float
    at: float
    usage: Usage = Usage()
    words: str = ""
    vector: Vector | None = None
    calls: tuple[str, ...] = ()
    """The ids of the tool calls in it."""
    raised: bool = False
    cached_tokens: int = 0
    life_s: float = 0.0
    loop_since: float | None = None

    @property
    def warm_until(self) -> float:
        """Anthropic counts from the start of the request that wrote or last read it."""
        return self.began_at + self.life_s if self.cached_tokens else 0.0


@frozen
class _Asked:
    """The very same request: how often it was answered, one time after the other."""

    times: int
    at: float


class Sessions:
    """Bounded: the least recently used are forgotten. Reads and writes memory only.

    ``prices`` say what a model's tokens cost, for what a switch would save and lose.
    """

    def __init__(
        self, prices: PricesOf = lambda _: FREE, turns: int = REMEMBERED_TURNS, requests: int = REMEMBERED_REQUESTS
    ) -> None:
        self._prices = prices
        self._turns: _Recent[Answered] = _Recent(turns)
        self._requests: _Recent[_Asked] = _Recent(requests)

    def standing(
        self, request: ChatRequest, place: Place, now: float, *, key: str = "", vectors: Vectors = (None, None)
    ) -> Standing | None:
        """What is known; None of a conversation that nobody answered yet.

        ``key`` is what the very same request is known by, empty where it may not be compared; ``vectors`` are the
        meaning of the user's words and of those of the turn before, where they are known.
        """
        own, before = self._turns.first(place.turn), self._turns.first(place.before)
        session = self._turns.get(place.session)
        last = own or before or session
        if last is None:
            return None
        asked = self._requests.get(key) if key else None
        repeats = asked.times if asked and now - asked.at <= AGAIN_WITHIN_S else 0
        standing = Standing(
            target=last.target,
            request_id=last.request_id,
            at=last.at,
            cached_tokens=last.cached_tokens if last is not session or place.turns > 1 else 0,
            life_s=last.life_s,
            warm_until=last.warm_until,
            output_tokens=last.usage.output_tokens,
            turns=place.turns,
            in_loop_since=(last.loop_since or last.at) if place.in_tool_loop else None,
            raised=own is not None and own.raised,
            repeats=0 if place.in_tool_loop else repeats,
            now=now,
            prices=self._prices,
        )
        if place.in_tool_loop:
            return replace(standing, looping=circling(request.view.messages))
        if own is not None:
            return replace(standing, again_of=own.request_id) if standing.strikes else standing
        return self._asked_again(standing, place, vectors)

    def earlier(self, place: Place, now: float) -> Answered | None:
        """The answer that this turn may ask for again: that to the turn before, or to the session's question before
        where a client sends each alone. Subagents have system prompts of their own, and come before it is answered."""
        if place.in_tool_loop or not place.awaited:
            return None
        last = self._turns.first(place.before) or self._turns.get(place.alone)
        if last is None or now - last.at > AGAIN_WITHIN_S or self._turns.first(place.turn):
            return None
        return last

    def answered(self, place: Place, answer: Answered, *, key: str = "") -> None:
        """Remembers an answer that the caller has whole, or is about to have. ``key`` as for :meth:`standing`."""
        turn = self._turns.first(place.turn)
        last = turn or self._turns.first(place.before) or self._turns.get(place.session)
        began_at, cached_tokens, life_s = _cache_of(answer, last)
        since = (turn.loop_since if turn and place.in_tool_loop else None) or answer.at
        kept = Answered(
            answer.request_id,
            answer.target,
            began_at,
            answer.at,
            answer.usage,
            words=place.words[:_KEPT_CHARACTERS],
            vector=answer.vector or (turn.vector if turn else None),
            calls=answer.calls,
            raised=answer.raised or (turn is not None and turn.raised),
            cached_tokens=cached_tokens,
            life_s=life_s,
            loop_since=since if answer.calls or place.in_tool_loop else None,
        )
        names = (*place.turn, place.session, place.alone, place.after_calls(answer.calls) if answer.calls else "")
        self._turns.put_all(names, kept)
        if key and not place.in_tool_loop:
            self._count(key, answer)

    def restore(self, answers: Iterable[tuple[tuple[str, ...], Answered]]) -> None:
        """Takes up what was answered before a restart, the oldest first, by the names that :meth:`names` gave."""
        for names, answer in answers:
            last = self._turns.first(names)
            began_at, cached_tokens, life_s = _cache_of(answer, last)
            kept = replace(answer, began_at=began_at, cached_tokens=cached_tokens, life_s=life_s)
            raised = last is not None and names[0] in self._turns and last.raised
            for name in names:
                self._turns.put(name, replace(kept, raised=kept.raised or raised))

    @staticmethod
    def names(place: Place) -> tuple[str, ...]:
        """What the place is known by after a restart."""
        return tuple([name for name in (*place.turn[-2:], place.session, place.alone) if name])

    def _asked_again(self, standing: Standing, place: Place, vectors: Vectors) -> Standing:
        """With what the turn before has to do with this one."""
        earlier = self.earlier(place, standing.now)
        if earlier is None:
            return standing
        complaint = is_complaint(place.words)
        near = 1.0 if complaint else nearness(place.words, place.words_before or earlier.words, vectors)
        if near < ALIKE_FROM:
            return replace(standing, asked_again=near)
        return replace(standing, asked_again=near, again_of=earlier.request_id, raised=earlier.raised)

    def _count(self, key: str, answer: Answered) -> None:
        """One more time that the same request was answered. Several at once are one: nobody has read an answer yet."""
        asked = self._requests.get(key)
        if asked is None or answer.began_at - asked.at > AGAIN_WITHIN_S:
            asked = _Asked(0, 0.0)
        if answer.began_at >= asked.at:
            self._requests.put(key, _Asked(asked.times + 1, answer.at))


def _cache_of(answer: Answered, last: Answered | None) -> tuple[float, int, float]:
    """When what the answer's provider has cached now began to live, its tokens, and for how long it lives.

    A lifetime is told by what was written; what was only read lives as long again as it did. An answer that called
    nobody (out of our own cache) leaves the model's cache as it was.
    """
    usage = answer.usage
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    same = last is not None and last.target.is_same_model(answer.target)
    if last is not None and same and not usage.prompt_tokens:
        return last.began_at, last.cached_tokens, last.life_s
    life_s = _LIVES_S.get(answer.target.provider, _SHORT_S)
    if usage.cache_write_1h_tokens and not usage.cache_write_5m_tokens:
        life_s = Ttl.LONG.seconds
    elif not written and last is not None and same and last.life_s:
        life_s = last.life_s
    return answer.began_at, usage.cache_read_tokens + written, life_s


class _Recent(Generic[Value]):
    """The most recently used values by name; the empty name has none."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str) -> Value | None:
        if name not in self._values:
            return None
        self._values.move_to_end(name)
        return self._values[name]

    def first(self, names: tuple[str, ...]) -> Value | None:
        """The value of the first of them that has one."""
        for name in names:
            if name in self._values:
                return self.get(name)
        return None

    def put(self, name: str, value: Value) -> None:
        self.put_all((name,), value)

    def put_all(self, names: Iterable[str], value: Value) -> None:
        """The same value by each of the names."""
        for name in names:
            if name:
                self._values[name] = value
                self._values.move_to_end(name)
        while len(self._values) > self._capacity:
            self._values.popitem(last=False)
