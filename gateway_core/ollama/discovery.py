"""What is behind the local URL: Ollama or another server, its models, and the context they really have."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import field, replace

import aiohttp

from gateway_core.frozen import frozen
from gateway_core.model import LocalModel
from gateway_core.ollama.address import root_of
from gateway_core.ollama.client import ModelFacts, OllamaClient, OllamaError
from gateway_core.ollama.context import SMALLEST_CONTEXT_TOKENS, Shape
from gateway_core.ollama.lm_studio import LMStudio
from gateway_core.ollama.openai_server import OpenAIServer

DEFAULT_CONTEXT_TOKENS = SMALLEST_CONTEXT_TOKENS
"""What Ollama (with less than 23 GiB of VRAM) and LM Studio load a model with when nothing else is said."""
_SHOWS_AT_ONCE = 4


class Unreachable(Exception):
    """No usable answer. ``refused`` says that nothing listens there, which a busy server never looks like."""

    def __init__(self, message: str, *, refused: bool) -> None:
        super().__init__(message)
        self.message = message
        self.refused = refused


@frozen
class Found:
    """What answered.

    ``product`` is the program's name, ``manages`` what it lets a client do beyond answering (of ``ABILITIES``).
    ``contexts`` are the tokens that a request over ``/v1`` can have, by model, where that is known. Of Ollama there are
    also the ``shapes`` of its models, the ``weights`` they consist of, and those that are ``running``, with the memory
    they take; ``folder`` is where it says that it keeps them.
    """

    kind: str
    version: str = ""
    models: tuple[LocalModel, ...] = ()
    contexts: Mapping[str, int] = field(default_factory=dict)
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    running: Mapping[str, LocalModel] = field(default_factory=dict)
    weights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: str = ""
    product: str = "ollama"
    manages: frozenset[str] = frozenset()


class Discovery:
    """Looks at one server again and again; remembers what does not change between two looks."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        api_key: str | None = None,
        context_tokens: int | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """``context_tokens`` is the operator's word on the context, used where the server tells nothing."""
        self.ollama = OllamaClient(session, root_of(base_url), api_key)
        self._openai = OpenAIServer(session, base_url, api_key)
        self._told_context = context_tokens
        self._told_default = _context_variable(environment)
        self._default_context = context_tokens or self._told_default or DEFAULT_CONTEXT_TOKENS
        self._facts: dict[str, ModelFacts] = {}
        self._seen_contexts: dict[str, int] = {}
        self._kind: str | None = None

    @property
    def lm_studio(self) -> LMStudio:
        """LM Studio's own API, where the server is LM Studio."""
        return self._openai.lm_studio

    async def look(self) -> Found:
        """The server as it is now. Raises :class:`Unreachable`."""
        try:
            found = await self._look_at_openai() if self._kind == "openai" else await self._look_at_either()
        except OllamaError as error:
            self._kind = None
            raise Unreachable(error.message, refused=error.refused) from None
        self._kind = found.kind
        return found

    async def _look_at_either(self) -> Found:
        try:
            version = await self.ollama.version()
        except OllamaError as error:
            if error.status is None:
                raise
            return await self._look_at_openai()
        if self._kind is None and await self._openai.is_local_ai():
            return await self._look_at_openai()
        return await self._look_at_ollama(version)

    async def _look_at_openai(self) -> Found:
        seen = await self._openai.look()
        models = seen.models
        contexts = {listed.model.name: listed.context_tokens for listed in models}
        known = {name: context or self._told_context for name, context in contexts.items()}
        for listed in models:
            if listed.loads_later and known[listed.model.name] is None:
                known[listed.model.name] = self._default_context
        return Found(
            "openai",
            models=tuple(listed.model for listed in models),
            contexts={name: context for name, context in known.items() if context},
            version=seen.version,
            product=seen.product,
            manages=seen.manages,
        )

    async def _look_at_ollama(self, version: str) -> Found:
        tagged, loaded = await asyncio.gather(self.ollama.tags(), self.ollama.ps())
        await self._learn(dict((digest, model.name) for model, digest in tagged if digest))
        models, contexts, shapes, weights = [], {}, {}, {}
        folders: set[str] = set()
        for model, digest in tagged:
            facts = self._facts.get(digest, ModelFacts((), None, None))
            running = loaded.get(model.name)
            if running and running.context_length:
                self._seen_contexts[digest] = running.context_length
            trained = model.context_length or facts.trained_context
            contexts[model.name] = min(self._context_in_force(digest, facts), trained or 1 << 30)
            shapes[model.name] = Shape(model.size_bytes, facts.bytes_a_token, trained, self._own_context(facts))
            weights[model.name] = facts.weights
            folders |= {facts.folder} - {""}
            models.append(replace(_merged(model, facts, running, trained), digest=digest))
        folder = folders.pop() if len(folders) == 1 else ""
        return Found("ollama", version, tuple(models), contexts, shapes, loaded, weights, folder)

    def _own_context(self, facts: ModelFacts) -> int | None:
        """What the model gets when nobody asks for a context, as far as that is known."""
        return facts.num_ctx or self._told_default

    def _context_in_force(self, digest: str, facts: ModelFacts) -> int:
        """The context a `/v1` request gets.

        A ``num_ctx`` of the model's own wins even over what is loaded now: `/v1` cannot set it, and a context that
        another client asked for is undone by the next `/v1` call. Without one it is what the model was last loaded
        with, else Ollama's default; never the model's maximum (a longer prompt is cut without a word).
        """
        return facts.num_ctx or self._seen_contexts.get(digest) or self._default_context

    async def _learn(self, names: dict[str, str]) -> None:
        """Asks for what is not known yet of some models; ``names`` are keyed by digest."""
        unknown = [digest for digest in names if digest not in self._facts]
        gate = asyncio.Semaphore(_SHOWS_AT_ONCE)

        async def show(digest: str) -> None:
            async with gate:
                try:
                    self._facts[digest] = await self.ollama.show(names[digest])
                except OllamaError as error:
                    if error.status is not None:
                        self._facts[digest] = ModelFacts((), None, None)

        await asyncio.gather(*(show(digest) for digest in unknown))
        self._facts = {digest: facts for digest, facts in self._facts.items() if digest in names}


def _merged(model: LocalModel, facts: ModelFacts, running: LocalModel | None, trained: int | None) -> LocalModel:
    known = replace(model, capabilities=model.capabilities or facts.capabilities, context_length=trained)
    known = replace(known, trained_context=trained, own_context=facts.num_ctx)
    if running is None:
        return known
    return replace(
        known,
        loaded=True,
        size_vram_bytes=running.size_vram_bytes,
        memory_bytes=running.size_bytes,
        context_length=running.context_length or trained,
        expires_at=running.expires_at,
    )


def _context_variable(environment: Mapping[str, str]) -> int | None:
    """`OLLAMA_CONTEXT_LENGTH`, which is Ollama's if it was started from the same environment."""
    value = environment.get("OLLAMA_CONTEXT_LENGTH", "")
    return int(value) if value.isdigit() and int(value) > 0 else None
