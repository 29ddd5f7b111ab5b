"""What was left out of a conversation so that it fits a model: frozen values, kept with the request."""

from __future__ import annotations

from gateway_core.frozen import frozen


@frozen
class LeftOut:
    """One place where something is missing. ``rule`` is the rule's name, ``tokens`` the estimate of what is gone.

    ``first`` and ``last`` are places in the request's messages, counted from 0: what they held is what was left out.
    """

    rule: str
    first: int
    last: int
    tokens: int

    @property
    def id(self) -> str:
        """How the mark in the conversation calls it: ``m12``, or ``m3-m41`` for several messages."""
        return mark_id(self.first, self.last)


@frozen
class Compacted:
    """A conversation that was shortened for one model. Tokens are estimates of the whole prompt, tools included.

    ``budget_tokens`` is what it had to fit into.
    """

    model: str
    """``provider/model``."""
    tokens: int
    compacted_tokens: int
    budget_tokens: int
    left_out: tuple[LeftOut, ...] = ()


def mark_id(first: int, last: int) -> str:
    """The name of the messages from ``first`` to ``last``."""
    return f"m{first}" if first == last else f"m{first}-m{last}"
