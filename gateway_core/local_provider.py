"""The LOCAL tier's upstream, and whatever else is sent to the same server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from gateway_core.clock import Clock
from gateway_core.model import ProviderStatus, Usage
from gateway_core.ollama.manager import Endpoint, LocalModels
from gateway_core.ollama.speeds import Stopwatch
from gateway_core.providers.base import Batch, Provider, UpstreamCall, UpstreamError
from gateway_core.providers.ollama import Ollama
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.routing.lineup import LOCAL
from gateway_core.settings import Settings

BUILTIN_OUTPUT_TOKENS = 1024
"""OpenClaw asks for up to 8,192 tokens; after its long prompt the built-in model writes 3.5 a second (measured)."""


class LocalProvider:
    """The LOCAL tier's upstream: whatever server is there at the moment of the call."""

    name = LOCAL

    def __init__(
        self, models: LocalModels, settings: Settings, clock: Clock, ratio: Callable[[str, str], float]
    ) -> None:
        self._models = models
        self._ratio = ratio
        self._clock = clock
        self._settings = settings
        self._servers: dict[Endpoint, Provider] = {}

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        """See :meth:`Provider.send`. The server is held while it answers, also when another one takes over."""
        await self._models.standin.awake()
        with self._models.in_use(call.target.model) as endpoint:
            if endpoint is None:
                raise UpstreamError("No local server answers.", kind="connect", sent=False)
            if endpoint[2] == "builtin":
                await self._close_earlier(endpoint)
                call = replace(call, max_output_tokens=BUILTIN_OUTPUT_TOKENS)
            batches, watch, told = self._server(endpoint).send(call), Stopwatch(self._clock), None
            used = Usage()
            try:
                async for batch in batches:
                    for piece in batch:
                        told, used = piece.timing or told, piece.usage or used
                        watch.saw(piece.body, piece.usage)
                    yield batch
                    watch.taken()
            finally:
                await batches.aclose()
                _note_prompt(self._models, call, used)
            if timing := told or (watch.timing() if call.request.stream else None):
                self._models.measured(call.target.model, timing)

    def _server(self, endpoint: Endpoint) -> Provider:
        if endpoint not in self._servers:
            base_url, key, kind = endpoint
            contexts, patience_s = self._models.contexts, self._settings.local_first_byte_s
            compatible = OpenAICompatible(
                name=LOCAL,
                kind=kind,
                base_url=base_url,
                api_key=key,
                first_byte_s=patience_s,
                idle_s=patience_s,
                free=True,
                contexts=None if kind == "builtin" else contexts,
            )
            self._servers[endpoint] = (
                compatible
                if kind != "ollama"
                else Ollama(
                    compatible,
                    contexts,
                    self._thinks,
                    api_key=key,
                    first_byte_s=patience_s,
                    idle_s=patience_s,
                    ratio=lambda model: self._ratio(LOCAL, model),
                )
            )
        return self._servers[endpoint]

    async def _close_earlier(self, endpoint: Endpoint) -> None:
        """The built-in model answers at another address each time that it is started."""
        for earlier in [other for other in self._servers if other[2] == "builtin" and other != endpoint]:
            await self._servers.pop(earlier).close()

    def _thinks(self, model: str) -> bool | None:
        return self._models.supports(model, "thinking")

    async def check(self) -> ProviderStatus:
        server = self._models.server
        state = "ok" if server.reachable else "down"
        return ProviderStatus(LOCAL, server.kind, server.base_url, state, server.detail)

    async def close(self) -> None:
        for server in self._servers.values():
            await server.close()


class OnLocalServer:
    """A provider of the user's own at the local server's address: its requests keep a model in use there, too."""

    def __init__(self, provider: Provider, models: LocalModels) -> None:
        self._provider = provider
        self._models = models
        self.name = provider.name

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        """See :meth:`Provider.send`."""
        with self._models.in_use(call.target.model):
            used = Usage()
            try:
                async with aclosing(self._provider.send(call)) as batches:
                    async for batch in batches:
                        used = batch[-1].usage or used
                        yield batch
            finally:
                _note_prompt(self._models, call, used)

    async def check(self) -> ProviderStatus:
        return await self._provider.check()

    async def close(self) -> None:
        await self._provider.close()


def _note_prompt(models: LocalModels, call: UpstreamCall, used: Usage) -> None:
    """What the model keeps now: the prompt, once it has counted it."""
    read = call.request.size.input_tokens if used.prompt_tokens else 0
    models.residence.read(call.target.model, call.request.view.session, read)
