"""The contexts of a server that tells nobody how long they are, as far as its answers gave them away."""

from __future__ import annotations

from gateway_core.clock import Clock

LEARNED_S = 1800.0
"""How long it is remembered that a model could not have a context. A server may be started anew with a larger one."""


class LearnedContexts:
    """A :class:`~gateway_core.providers.prompt_check.ContextBook` of one server, whose word nobody has."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._learned: dict[str, tuple[int, float]] = {}

    def in_force(self, model: str) -> int | None:
        """Nothing: what was learned is the length of one prompt that did not fit, which is no context."""
        return None

    def learn(self, model: str, tokens: int) -> None:
        """Remembers for a while that no more than ``tokens`` fit."""
        self._learned[model] = (tokens, self._clock.monotonic() + LEARNED_S)

    def within(self, model: str, context_tokens: int | None) -> int | None:
        """``context_tokens``, which somebody says, or less where that was found to be too much."""
        learned, until = self._learned.get(model, (0, 0.0))
        return min(context_tokens or learned, learned) if self._clock.monotonic() < until else context_tokens

    def forget(self) -> None:
        """The server is another one now."""
        self._learned.clear()
