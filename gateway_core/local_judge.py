"""The local model as the semantic cache's judge: asked only while it is there anyway, and in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from gateway_core.cache.review.judge import AskFailed, NotNow, Said
from gateway_core.clock import Clock
from gateway_core.model import LocalModel, LocalServer, Target, Tier
from gateway_core.ollama.choice import find
from gateway_core.ollama.manager import LocalModels
from gateway_core.providers.base import Provider, UpstreamError
from gateway_core.providers.side_question import side_question, words_of
from gateway_core.routing.lineup import LOCAL

TIMEOUT_S = 120.0
ANSWER_TOKENS = 16
THINKING_TOKENS = 512
"""For models that think first and cannot be told not to."""
DIGEST_DIGITS = 12
SAME_EXPIRY_S = 2.0


class LocalJudge:
    """The model that serves the LOCAL tier. ``provider`` and ``is_idle`` are looked up at each question."""

    def __init__(
        self,
        models: LocalModels,
        provider: Callable[[str], Provider | None],
        is_idle: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        self._models = models
        self._provider = provider
        self._is_idle = is_idle
        self._clock = clock
        self._asked = 0
        self._ours: float | None = None
        """When the model will be unloaded after our last question; None before the first."""
        self._theirs: float | None = None
        """When it would have been without us."""

    async def ready(self) -> str:
        """The model's name and digest. Raises :class:`NotNow` where it is busy, not there, not loaded, or due to go."""
        server = await self._look()
        model = self._loaded(server)
        return f"{LOCAL}/{model.name}@{model.digest[:DIGEST_DIGITS]}" if model.digest else f"{LOCAL}/{model.name}"

    async def ask(self, instruction: str, text: str) -> Said:
        """The model's answer. Raises :class:`NotNow`, and :class:`AskFailed` when the call fails or takes too long."""
        server = await self._look()
        model, provider = self._loaded(server), self._provider(LOCAL)
        if provider is None:
            raise NotNow("there is no local server")
        self._asked += 1
        target = Target(Tier.LOCAL, LOCAL, model.name, free=True)
        most_tokens, more = _manner(server, model)
        call = side_question(
            f"review-{self._asked}", self._clock.now(), target, instruction, text, most_tokens, temperature=0, **more
        )
        words, tokens = "", 0
        try:
            async with asyncio.timeout(TIMEOUT_S), aclosing(provider.send(call)) as batches:
                async for batch in batches:
                    piece = batch[-1]
                    words = words_of(piece.body)
                    tokens = piece.usage.prompt_tokens + piece.usage.output_tokens if piece.usage else tokens
        except UpstreamError as error:
            raise AskFailed(error.message) from None
        except TimeoutError:
            raise AskFailed(f"no answer in {TIMEOUT_S:.0f} s") from None
        finally:
            self._ours = _UNSEEN
        return Said(words, tokens)

    async def _look(self) -> LocalServer:
        """The server at this moment. Raises :class:`NotNow` while the tier is off."""
        if self._models.endpoint() is None:
            raise NotNow("there is no local model")
        return await self._models.refresh()

    def _loaded(self, server: LocalServer) -> LocalModel:
        """The model, where asking it loads nothing and keeps nothing loaded. Raises :class:`NotNow`."""
        if self._models.endpoint() is None or server.current_model is None:
            raise NotNow("there is no local model")
        if not self._is_idle(LOCAL):
            raise NotNow("requests go first")
        model = find(server.models, server.current_model)
        if model is None or not model.loaded:
            raise NotNow(f"{server.current_model} is not loaded, and is not loaded for this")
        if self._outstays(model):
            raise NotNow(f"{model.name} is to be unloaded, and is not kept for this")
        return model

    def _outstays(self, model: LocalModel) -> bool:
        """Whether the model would be gone by now if nobody but us had used it: our questions prolong its stay."""
        expiry = model.expires_at
        if expiry is None:
            self._ours = self._theirs = None
            return False
        if self._ours == _UNSEEN:
            self._ours = expiry
            self._theirs = self._theirs or expiry
        elif self._ours is None or abs(expiry - self._ours) > SAME_EXPIRY_S:
            self._ours, self._theirs = expiry, expiry
        return self._theirs is not None and self._clock.now() >= self._theirs


_UNSEEN = -1.0
"""We have asked, and not looked since."""


def _manner(server: LocalServer, model: LocalModel) -> tuple[int, dict[str, object]]:
    """How many tokens an answer may have, and how thinking is switched off where it can be."""
    if "gpt-oss" in model.name:
        return THINKING_TOKENS, {"reasoning_effort": "low"}
    if server.kind == "ollama":
        thinks = "thinking" in model.capabilities
        return ANSWER_TOKENS, {"thinking": {"type": "disabled"}} if thinks else {}
    return (ANSWER_TOKENS if server.kind == "builtin" else THINKING_TOKENS), {}
