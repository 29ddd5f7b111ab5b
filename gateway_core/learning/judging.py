"""What the user says on purpose of an answer: whether it can be a label, and what it means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway_core.cache.secrecy import masked
from gateway_core.clients import read_client
from gateway_core.kinds import Lane, Status, Tier
from gateway_core.known_secrets import KnownSecrets
from gateway_core.learning.hearing import LONGEST_TEXT, beginning, names_a_model
from gateway_core.learning_values import Better
from gateway_core.model import RequestDetail, RequestParts, RequestRow

_RANK = {tier: rank for rank, tier in enumerate(Tier)}

DetailOf = Callable[[str], Awaitable[RequestDetail | None]]
PartsOf = Callable[[str], Awaitable[RequestParts | None]]


class CannotJudge(Exception):
    """Nothing can be learned from it; the message says why."""


async def answered(detail_of: DetailOf, request_id: str) -> RequestDetail:
    """A request that a model has answered for somebody. Raises :class:`CannotJudge`."""
    if (detail := await detail_of(request_id)) is None:
        raise CannotJudge("There is no request of that id.")
    row = detail.row
    if row.status is Status.RUNNING:
        raise CannotJudge("It is still running: judge it when it has ended.")
    if row.status is not Status.OK or row.tier is None:
        raise CannotJudge("It got no answer: there is nothing to judge.")
    if row.lane is Lane.BACKGROUND:
        raise CannotJudge("It was background work, which the router sends to the local tier anyway.")
    if row.purpose == "embedding":
        raise CannotJudge("Embeddings have no tiers: there is nothing to judge.")
    return detail


def check_thumb(row: RequestRow) -> None:
    """Raises :class:`CannotJudge` for an answer that says nothing of its tier."""
    if row.cache.is_hit:
        raise CannotJudge("A cache gave that answer. If it was wrong for this question, mark it wrong (w).")
    if row.replay_of:
        raise CannotJudge("It was run again: say which of the two answers is better where they are compared (v).")
    if names_a_model(row.asked_model):
        raise CannotJudge("The caller named the model, so the router decided nothing: it cannot learn from that.")


def chosen_tier(first: RequestRow, second: RequestRow, better: Better) -> tuple[RequestRow, Tier]:
    """The request that was asked, and the tier it needed. Raises :class:`CannotJudge`."""
    asked = next((row for row in (first, second) if not row.replay_of), None)
    again = [row for row in (first, second) if row.replay_of]
    if asked is None or len(again) != 1 or again[0].replay_of != asked.id:
        raise CannotJudge("Those two are not one request and its second run: run it again (e) to compare.")
    assert first.tier is not None and second.tier is not None, "both were answered"
    if first.tier is second.tier:
        raise CannotJudge(f"Both were answered by the {first.tier} tier: that says nothing of the tiers.")
    if better == "same":
        return asked, min(first.tier, second.tier, key=_RANK.__getitem__)
    return asked, first.tier if better == "first" else second.tier


def is_dearer(tier: Tier, other: Tier) -> bool:
    return _RANK[tier] > _RANK[other]


async def words_of(detail: RequestDetail, parts_of: PartsOf) -> str:
    """The user's own words; their beginning where the messages are not kept any more."""
    if not detail.messages:
        return detail.row.preview
    parts = await parts_of(detail.row.id)
    headers = {name.lower(): value for name, value in parts.received.headers} if parts and parts.received else {}
    body = {"model": detail.row.asked_model, "messages": list(detail.messages)}
    return beginning(read_client(body, headers).user_text) or detail.row.preview


def without_secrets(text: str, secrets: KnownSecrets) -> str:
    """As the request log keeps it. May take a millisecond: to be called off the event loop."""
    return masked(secrets.masked(text[:LONGEST_TEXT]))
