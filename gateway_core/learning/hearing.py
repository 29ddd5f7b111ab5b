"""Listens to requests as they end, and takes what callers do for what it says of the answer before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TypeVar

from gateway_core.clients import BACKGROUND_MODEL
from gateway_core.exchange import Exchange
from gateway_core.frozen import frozen
from gateway_core.kinds import ApiKind, Lane, Status, Tier
from gateway_core.learning.meaning import (
    AGAIN_S,
    ASKED_AGAIN,
    NEAR,
    OVERRIDDEN,
    SHORTEST_AGAIN,
    UNUSABLE,
    Meaning,
)
from gateway_core.learning_values import Source
from gateway_core.model import ChatRequest, SessionLook
from gateway_core.routing.wishes import AUTO_MODELS, NAMED_TIERS

LONGEST_TEXT = 8_000
"""Characters of a request that are learned from: what the rules look at."""
REMEMBERED = 500
_NO_MODELS = frozenset((*AUTO_MODELS, *NAMED_TIERS, BACKGROUND_MODEL))
DECIDED_ALONE = ("simple", "default", "hard", "judged")
"""First words of the routes that nothing but the difficulty chose."""


K = TypeVar("K")


@frozen
class Heard:
    """A request that was answered, as far as it can be learned from. Its words are not masked: they stay in memory."""

    id: str
    asked_at: float
    ended_at: float
    caller: str
    session: str | None
    text: str
    tier: Tier
    difficulty: float | None
    named: Tier | None = None
    """The tier that the caller named."""
    decided_alone: bool = False
    """Nothing but its difficulty chose the tier."""
    free: bool = True
    """Neither the caller nor the operator named tier or model."""
    goes_on: bool = False
    """In a tool loop: the user has said nothing new."""
    replay_of: str = ""
    rejected: Tier | None = None
    look: SessionLook | None = None


def beginning(text: str) -> str:
    """What is kept of a text, without a word that would be cut: half of a secret is not known for one."""
    text = text.strip()
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rsplit(None, 1)[0]


def names_a_model(asked_model: str) -> bool:
    """Whether a caller asked for one model, or a family of them, instead of a tier."""
    return asked_model not in _NO_MODELS


def heard(exchange: Exchange, now: float) -> Heard | None:
    """What is kept of a request that has ended; None for one that nothing can be learned from."""
    request, decision, target, outcome = exchange.request, exchange.decision, exchange.target, exchange.outcome
    if decision is None or target is None or outcome is None or outcome.status is not Status.OK:
        return None
    view = request.view
    if exchange.cache.is_hit or view.lane is Lane.BACKGROUND or request.api is ApiKind.EMBEDDINGS:
        return None
    if not request.replay_of and names_a_model(request.model):
        return None
    if not (text := beginning(view.user_text)):
        return None
    return Heard(
        id=request.id,
        asked_at=request.received_at,
        ended_at=now,
        caller=request.caller,
        session=view.session,
        text=text,
        tier=target.tier,
        difficulty=decision.difficulty,
        named=_named(request),
        decided_alone=decision.route.partition(":")[0].partition(">")[0] in DECIDED_ALONE,
        free=not decision.explicit,
        goes_on=view.in_tool_loop,
        replay_of=request.replay_of,
        rejected=exchange.rejected,
        look=decision.record.session,
    )


def _named(request: ChatRequest) -> Tier | None:
    return request.force_tier or NAMED_TIERS.get(request.model)


class Ears:
    """Remembers the last requests: by id, by session and by their words."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._most = remembered
        self._by_id: OrderedDict[str, Heard] = OrderedDict()
        self._last_of: OrderedDict[tuple[str, str], Heard] = OrderedDict()
        self._said: OrderedDict[tuple[str, str], Heard] = OrderedDict()

    def known(self, request_id: str) -> Heard | None:
        return self._by_id.get(request_id)

    def forget(self) -> None:
        self._by_id.clear()
        self._last_of.clear()
        self._said.clear()

    def hear(self, one: Heard) -> tuple[tuple[Heard, Source, Meaning], ...]:
        """Takes in a request, and says what it means for itself and for one before it."""
        self._keep(self._by_id, one.id, one)
        if one.replay_of:
            return ()
        found = tuple(self._meanings(one))
        if not one.goes_on and one.free:
            self._keep(self._said, (one.caller, one.text), one)
            if one.session:
                self._keep(self._last_of, (one.caller, one.session), one)
        return found

    def _meanings(self, one: Heard) -> Iterator[tuple[Heard, Source, Meaning]]:
        if one.free and one.rejected in UNUSABLE:
            yield one, Source.ESCALATION, UNUSABLE[one.rejected]
        if one.goes_on:
            return
        said = self._said.get((one.caller, one.text))
        if one.named and said and _soon_after(said, one) and one.named is not said.tier:
            yield said, Source.OVERRIDE, OVERRIDDEN[one.named]
        before = self._before(one)
        if one.free and before and _soon_after(before, one) and _asks_again(before, one):
            yield before, Source.RETRY, ASKED_AGAIN[before.tier]

    def _before(self, one: Heard) -> Heard | None:
        """The request whose answer this one may ask for again: as the conversation tells, also without a session's
        name, or else the session's last."""
        known = self._by_id.get(one.look.again_of) if one.look else None
        if known and known.caller == one.caller and known.free and not known.goes_on:
            return known
        return self._last_of.get((one.caller, one.session)) if one.session else None

    def _keep(self, kept: OrderedDict[K, Heard], key: K, one: Heard) -> None:
        kept[key] = one
        kept.move_to_end(key)
        while len(kept) > self._most:
            kept.popitem(last=False)


def _soon_after(before: Heard, one: Heard) -> bool:
    """Whether the answer before was there when this was asked, and not for long."""
    return 0.0 <= one.asked_at - before.ended_at <= AGAIN_S


def _asks_again(before: Heard, one: Heard) -> bool:
    if len(one.text) < SHORTEST_AGAIN:
        return False
    look = one.look
    near = look is not None and (look.escalated or (look.asked_again or 0.0) >= NEAR)
    return before.text == one.text or near
