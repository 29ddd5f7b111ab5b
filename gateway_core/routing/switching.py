"""What a conversation's change of model saves and loses, in micro-dollars: its warm prompt cache is worth something."""

from __future__ import annotations

from gateway_core.frozen import frozen
from gateway_core.wire.prompt_cache import Ttl

_MILLION = 1_000_000
_GOES_ON = 7
"""Of :data:`_OF`: how likely a conversation goes on within the cache's life before anything was seen of it. The prompt
cache's own prior for a talk (``prompt_cache_policy``: 0.7 within 5 minutes)."""
_OF = 10
_PRIOR_WEIGHT = 2


@frozen
class Prices:
    """What a million tokens cost, in micro-dollars: whole ones, for a price list has no finer."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    """Of the shorter lifetime, where a provider sells two."""
    cache_write_1h: int = 0


FREE = Prices()


@frozen
class Turn:
    """What the next answer takes, and what of its prompt the present model has in its cache.

    ``warm_s`` is how long that cache is still there, ``life_s`` how long it was when it was last written or read.
    ``turns`` are the user's so far, this one too.
    """

    prompt_tokens: int
    output_tokens: int
    cached_tokens: int
    warm_s: float
    life_s: float
    turns: int = 1


@frozen
class Balance:
    """``saves_microusd`` is less than nothing where the other model costs more."""

    saves_microusd: int
    loses_microusd: int

    @property
    def pays(self) -> bool:
        return self.saves_microusd > self.loses_microusd


def balance(turn: Turn, present: Prices, other: Prices) -> Balance:
    """What a switch from the present model to another saves on this turn, and what it loses.

    Staying costs the cached tokens at the price of a read and the rest at that of input; switching costs all of them
    at the other's price; both with the answer. Lost is what it takes to build the cache again, beyond reading it, when
    the conversation comes back: by how likely it goes on, and by the share of the cache's life that is left, for the
    sooner it ends anyway, the less is lost. Both round in favour of staying.
    """
    cached = min(turn.cached_tokens, turn.prompt_tokens) if turn.warm_s > 0 else 0
    stays = _cost(turn.prompt_tokens - cached, cached, turn.output_tokens, present)
    leaves = _cost(turn.prompt_tokens, 0, turn.output_tokens, other)
    write = present.cache_write_1h if turn.life_s >= Ttl.LONG.seconds else present.cache_write
    rebuild = cached * max(0, write - present.cache_read)
    goes_on, of = chance_to_go_on(turn.turns)
    left_ms, life_ms = round(min(turn.warm_s, turn.life_s) * 1000), max(1, round(turn.life_s * 1000))
    loses = -(-rebuild * goes_on * left_ms // (of * life_ms * _MILLION))
    return Balance((stays - leaves) // _MILLION, loses)


def chance_to_go_on(turns: int) -> tuple[int, int]:
    """How likely another turn follows soon, as a fraction.

    Each turn that followed another is one more time that it did: seven times of ten at the first turn, eight at the
    third or so, nine at the sixth.
    """
    followed = max(0, turns - 1)
    return _PRIOR_WEIGHT * _GOES_ON + followed * _OF, (_PRIOR_WEIGHT + followed) * _OF


def _cost(plain: int, cached: int, output: int, prices: Prices) -> int:
    """In millionths of a micro-dollar."""
    return plain * prices.input + cached * prices.cache_read + output * prices.output
