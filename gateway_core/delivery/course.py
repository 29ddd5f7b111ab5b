"""What one request has been through: the targets still to ask, what came of each, and what to tell in the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from gateway_core.delivery.holding import Rejected
from gateway_core.exchange import Exchange
from gateway_core.frozen import frozen
from gateway_core.model import Decision, Reason, Refusal, Target, Tier, Usage
from gateway_core.providers.base import Piece, UpstreamError
from gateway_core.providers.health import Blocked
from gateway_core.wire import errors

MOST_REJECTED = 2
"""Answers that are none which a request may collect: one, and one from a tier up."""
_RANK = {tier: rank for rank, tier in enumerate(Tier)}


@frozen
class _Rejection:
    target: Target
    error: Rejected
    usage: Usage


class Course:
    """The way of one request through its targets, in the decision's order.

    A prompt that was too long for a model goes to models that take more. An answer that was none goes one tier up, or
    to the same model once more where nothing is above it. ``context_of`` gives a target's context where it is known.
    """

    def __init__(self, exchange: Exchange, decision: Decision, context_of: Callable[[Target], int | None]) -> None:
        self._exchange = exchange
        self._left = [decision.target, *decision.fallbacks]
        self._context_of = context_of
        self._refusals: dict[Target, Refusal] = {}
        """The last one of each target, in their order."""
        self._rejections: list[_Rejection] = []
        self._too_small: Target | None = None
        self._since_rejection = 0
        self._note = ""
        self.answered = False

    def next(self) -> Target | None:
        """The target to ask now; None when it is over."""
        target = None
        if not self.answered and len(self._rejections) < MOST_REJECTED:
            while self._left and target is None:
                candidate = self._left.pop(0)
                target = candidate if self._suits(candidate) else None
            if target is None and self._rejections and not self._since_rejection:
                target = self._rejections[0].target
            self._since_rejection += 1
        self._tell(f"; next {_name(target)}" if target else "")
        return target

    @property
    def has_more(self) -> bool:
        """Whether another target could take the request."""
        return any(self._suits(target) for target in self._left)

    def names(self, target: Target) -> bool:
        """Whether the caller named the target's model, so that its absence is theirs to mend."""
        asked = self._exchange.request.model
        return target.model in (asked, asked.partition("/")[2])

    # --- what came of a try ------------------------------------------------------------------------------------

    def succeeded(self, repairs: tuple[str, ...]) -> None:
        self.answered = True
        exchange = self._exchange
        exchange.repaired = exchange.repaired or bool(repairs or self._rejections)
        exchange.remarks += [Reason("repaired", text) for text in repairs]

    def failed(self, target: Target, error: UpstreamError, pause_s: float | None) -> None:
        self._tell()
        self._note = f"{_name(target)}: {_without_name(error.message, target)}"
        self._refuses(target, refusal_of(error, target, named=self.names(target)))
        if error.code == "context_length_exceeded":
            self._too_small = target
        if pause_s is not None:
            self._tell(f"; again in {pause_s:.1f} s")

    def refused(self, target: Target, refusal: Refusal) -> None:
        """The gateway itself did not let the try happen."""
        self._tell()
        self._note = f"{_name(target)}: {refusal.message}"
        self._refuses(target, refusal)

    def blocked(self, target: Target, blocked: Blocked) -> None:
        """The target is not called now."""
        self._tell()
        wait_s = max(1, math.ceil(blocked.wait_s))
        self._note = f"{_name(target)}: {blocked.why}, for {wait_s} s more"
        text = f"{target.provider} {blocked.why}. Try again in {wait_s} s."
        code = "rate_limit_exceeded" if blocked.status == 429 else "no_provider"
        self._refuses(target, Refusal(code, text, blocked.status, retry_after_s=wait_s))

    def rejected(self, target: Target, error: Rejected) -> None:
        """The answer is none, and nothing of it was sent."""
        self._tell()
        self._note = f"{_name(target)}: {_without_name(error.message, target)}"
        self._refuses(target, refusal_of(error, target))
        self._rejections.append(_Rejection(target, error, self._exchange.usage))
        self._exchange.rejected = self._exchange.rejected or target.tier
        self._since_rejection = 0

    # --- the end -----------------------------------------------------------------------------------------------

    def as_it_is(self, target: Target, error: Rejected) -> tuple[Piece, ...]:
        """What is left of an answer that is no good one, and that the caller gets nevertheless."""
        self.answered = True
        exchange = self._exchange
        exchange.target = target
        exchange.repaired = exchange.flawed = True
        exchange.remarks.append(Reason("repaired", f"{_name(target)}: {error.message} Sent on as the best there was."))
        return error.usable

    def best_of_the_rejected(self) -> tuple[Piece, ...]:
        """The pieces of the best answer that was rejected, the last one's first; nothing where an error says more.

        An empty answer is believed when it was given twice.
        """
        usable = [rejection for rejection in self._rejections if rejection.error.usable]
        said = [rejection for rejection in usable if not rejection.error.empty]
        if not said and len(usable) < MOST_REJECTED:
            return ()
        best = (said or usable)[-1]
        self._exchange.usage = best.usage
        return self.as_it_is(best.target, best.error)

    def refusal(self) -> Refusal:
        """What the caller is told: the last refusal, but when to come back if any upstream said so."""
        if not self._refusals:
            return errors.no_provider("No tier has a provider.")
        refusals = tuple(self._refusals.values())
        last, waits = refusals[-1], [refusal for refusal in refusals if refusal.retry_after_s is not None]
        if waits and last.http_status >= 500 and last.retry_after_s is None:
            return min(waits, key=lambda refusal: refusal.retry_after_s or 0)
        if waits and last.retry_after_s is not None:
            return replace(last, retry_after_s=min(refusal.retry_after_s or 0 for refusal in waits))
        return last

    def _refuses(self, target: Target, refusal: Refusal) -> None:
        """What a target said before is over: a pause was waited for, or has become a longer one."""
        self._refusals.pop(target, None)
        self._refusals[target] = refusal

    def _suits(self, target: Target) -> bool:
        if self._rejections and _RANK[target.tier] <= _RANK[self._rejections[-1].target.tier]:
            return False
        if self._too_small is None:
            return True
        context, too_small = self._context_of(target), self._context_of(self._too_small)
        if context is not None and too_small is not None:
            return context > too_small
        return _RANK[target.tier] > _RANK[self._too_small.tier]

    def _tell(self, more: str = "") -> None:
        """Puts what is to be noted of the last try on the request's detail."""
        if self._note:
            self._exchange.remarks.append(Reason("try", f"{self._note.rstrip('.')}{more or '.'}"))
        self._note = ""


def refusal_of(error: UpstreamError, target: Target, *, named: bool = False) -> Refusal:
    """What the caller is told of an upstream's failure.

    Its 401, 402 and 403, and a 404 for a model that the caller did not name, are ours to mend, never the caller's.
    """
    if error.code == "context_length_exceeded":
        return Refusal("context_length_exceeded", error.message, 400)
    if error.code == "invalid_request":
        return Refusal("invalid_request", error.message, 400)
    if error.code == "model_not_found" and named:
        return errors.model_not_found(target.model, error.message)
    if error.kind == "timeout":
        return errors.upstream_timeout(target.provider, error.message)
    wait_s = max(1, math.ceil(error.retry_after_s)) if error.retry_after_s else None
    if error.status == 429:
        return Refusal("rate_limit_exceeded", error.message, 429, retry_after_s=wait_s)
    return replace(errors.upstream_error(target.provider, error.message), retry_after_s=wait_s)


def _name(target: Target) -> str:
    return f"{target.provider}/{target.model}"


def _without_name(message: str, target: Target) -> str:
    return message.removeprefix(target.provider).lstrip(" :")
