"""The LOCAL tier: which server and which model serve it now, and what an operator can do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import aiohttp

from gateway_core.clock import Clock, SystemClock
from gateway_core.credentials import without_credentials
from gateway_core.events import Event, LocalChanged, Notice
from gateway_core.model import LocalServer, PullStatus
from gateway_core.ollama.address import is_loopback, local_base_url, root_of
from gateway_core.ollama.choice import choose, find
from gateway_core.ollama.client import OllamaError
from gateway_core.ollama.contexts import Contexts
from gateway_core.ollama.discovery import Discovery, Found, Unreachable
from gateway_core.ollama.pulls import Pulls
from gateway_core.ollama.standin import NoStandIn, StandIn, StandInModel
from gateway_core.settings import Settings

POLL_S = 3.0
MISSES_BEFORE_GONE = 3
"""A server that is busy may miss a look; one where nothing listens is gone at once."""

Endpoint = tuple[str, str | None, str]
"""Base URL, key and kind (``ollama``, ``openai`` or ``builtin``)."""


class LocalError(Exception):
    """An operation that cannot be done. The message says why and what to do instead."""


class LocalModels:
    """Keeps :attr:`server` fresh while started, and carries the operator's wishes out.

    ``standin`` is the built-in model, ``switched`` the model the operator switched to before a restart. ``publish``
    hears :class:`LocalChanged` only when something has changed.
    """

    def __init__(
        self,
        settings: Settings,
        publish: Callable[[Event], None],
        *,
        standin: StandInModel | None = None,
        switched: str | None = None,
        clock: Clock | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self._settings = settings
        self._publish = publish
        self._clock = clock or SystemClock()
        self._poll_s = poll_s
        self._switched = switched
        self._base_url = local_base_url(settings)
        key = settings.local_llm_api_key
        self._api_key = key.get_secret_value() if key else None
        self._standin = StandIn(standin or NoStandIn(), settings.builtin_model, self._clock, self._update, self.wake)
        self._pulls = Pulls(publish, self._clock, self.wake)
        self._found: Found | None = None
        self._trouble = ""
        self._misses = 0
        self._previous: str | None = None
        self._server = LocalServer("ollama", self._address, False, detail="not looked at yet")
        self._session: aiohttp.ClientSession | None = None
        self._discovery: Discovery | None = None
        self.contexts = Contexts(
            lambda: self._found,
            lambda: self._discovery.ollama if self._discovery else None,
            self._clock,
            limit=settings.local_context_tokens,
            keep_alive=settings.local_keep_alive,
            same_machine=is_loopback(self._base_url),
        )
        self._poller: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._looking = asyncio.Lock()
        self._looked = False
        self._told: tuple[str, ...] = ()

    # --- what the gateway reads ------------------------------------------------------------------------------------

    @property
    def server(self) -> LocalServer:
        """The local server as last seen, with its pulls as they are now."""
        return replace(self._server, pulls=self._pulls.statuses)

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know now; nothing before the first look."""
        if not self._looked:
            return ()
        texts = (self._standin.notice(self._found is not None, self._address),)
        return tuple(text for text in texts if text)

    def endpoint(self) -> Endpoint | None:
        """Where a request to the LOCAL tier goes now; None while nothing can answer. Ask anew for each request."""
        if not self._settings.local_llm_enabled:
            return None
        if self._found is not None and self._standin.mode != "on":
            return (self._base_url, self._api_key, self._found.kind)
        return self._standin.endpoint

    @contextmanager
    def in_use(self) -> Iterator[Endpoint | None]:
        """The endpoint for the length of one request: the built-in model is not stopped under it."""
        endpoint = self.endpoint()
        with self._standin.held(endpoint is not None and endpoint[2] == "builtin"):
            yield endpoint

    def context_of(self, model: str) -> int | None:
        """Tokens that prompt and answer can have together on ``model``; None where nobody knows.

        Of Ollama it is the largest context that a request may ask for, not the one in force.
        """
        if self._server.kind == "builtin":
            return self._standin.model.context_tokens
        return self.contexts.context_of(model)

    def supports(self, model: str, feature: str) -> bool | None:
        """Whether ``model`` has ``tools``, ``vision`` or ``thinking``; None where the server does not tell.

        The built-in model sees no images. A request with tools it answers in words (llama.cpp leaves tools out of a
        prompt whose template has no place for them), so that it is None there: possible, but no more than that.
        """
        if self._server.kind == "builtin":
            return False if feature == "vision" else None
        found = find(self._server.models, model)
        return feature in found.capabilities if found and found.capabilities else None

    # --- its life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts to look, in the background; returns at once."""
        if not self._settings.local_llm_enabled:
            self._server = replace(self._server, detail="LOCAL_LLM_ENABLED is off")
            return
        self._session = self._session or aiohttp.ClientSession()
        self._discovery = Discovery(self._session, self._base_url, self._api_key, self._settings.local_context_tokens)
        self._poller = asyncio.create_task(self._poll(), name="local server")

    async def reconfigure(self, settings: Settings) -> None:
        """Takes up other settings of the local server; requests in flight end where they began."""
        key = settings.local_llm_api_key
        self._settings = settings
        self._base_url = local_base_url(settings)
        self._api_key = key.get_secret_value() if key else None
        self.contexts.use(
            limit=settings.local_context_tokens,
            keep_alive=settings.local_keep_alive,
            same_machine=is_loopback(self._base_url),
        )
        if not settings.local_llm_enabled:
            if self._poller:
                self._poller.cancel()
                await asyncio.gather(self._poller, return_exceptions=True)
                self._poller = None
            self._found = None
            self._server = LocalServer("ollama", self._address, False, detail="LOCAL_LLM_ENABLED is off")
            self._publish(LocalChanged(self._clock.now(), self.server))
            return
        if self._poller is None:
            await self.start()
        assert self._session
        self._discovery = Discovery(self._session, self._base_url, self._api_key, settings.local_context_tokens)
        self._misses = MISSES_BEFORE_GONE
        await self.refresh()

    async def close(self) -> None:
        """Stops looking, cancels pulls and ends the built-in model."""
        if self._poller:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller
        await self._pulls.close()
        await self._standin.close()
        if self._session:
            await self._session.close()

    async def settled(self, within_s: float) -> None:
        """Returns once it is known what serves, after ``within_s`` seconds at the latest.

        Known is it after the first look, and when a start of the built-in model has ended one way or another.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                if not self._looked:
                    await self.refresh()
                await self._standin.settled()

    def wake(self) -> None:
        """Has the next look happen now."""
        self._woken.set()

    async def refresh(self) -> LocalServer:
        """Looks now and returns what was found."""
        async with self._looking:
            if self._standin.mode != "on":
                await self._look()
            self._standin.follow(self._found is not None)
            self._looked = True
            self._update()
        return self.server

    async def _poll(self) -> None:
        while True:
            self._woken.clear()
            await self.refresh()
            self._pulls.tick()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._woken.wait()

    async def _look(self) -> None:
        assert self._discovery, "start() first"
        try:
            self._found = await self._discovery.look()
            self._misses = 0
        except Unreachable as error:
            self._misses += 1
            self._trouble = error.message
            if error.refused or self._misses >= MISSES_BEFORE_GONE:
                self._found = None

    # --- what the operator does ------------------------------------------------------------------------------------

    def switch(self, model: str | None) -> str | None:
        """Uses ``model`` from now on, None the automatic choice; returns the full name to keep over a restart.

        Streams in flight end where they began. Raises :class:`LocalError` for a model that is not there.
        """
        if model is not None and self._found and self._found.models:
            found = find(self._found.models, model)
            if found is None:
                raise LocalError(f"{model} is not on {self._where()}. Pull it first.")
            model = found.name
        self._switched = model
        self._update()
        return model

    def pull(self, model: str) -> PullStatus:
        """Starts to download a model, in the background. Raises :class:`LocalError` where the server cannot."""
        name = model.strip()
        if not name:
            raise LocalError("Say which model to pull, for example qwen3:8b.")
        return self._pulls.start(self._ollama("pull").ollama, name)

    def cancel_pull(self, model: str) -> bool:
        """Stops a download; False when there is none of that model."""
        return self._pulls.cancel(model.strip())

    async def load(self, model: str, keep_alive_s: int | None = None) -> None:
        """Loads a model and waits for it (minutes, for a large one). Raises :class:`LocalError`."""
        await self._do(self._ollama("load").ollama.load(model, keep_alive_s), f"{model} could not be loaded")

    async def unload(self, model: str) -> None:
        """Frees a model's memory. Raises :class:`LocalError`."""
        await self._do(self._ollama("unload").ollama.unload(model), f"{model} could not be unloaded")

    async def unload_all(self) -> int:
        """Frees the memory of all models; how many there were. Raises :class:`LocalError`."""
        loaded = [model.name for model in self._server.models if model.loaded and not model.builtin]
        for name in loaded:
            await self.unload(name)
        return len(loaded)

    async def delete(self, model: str) -> None:
        """Removes a model from the disk. Raises :class:`LocalError`."""
        await self._do(self._ollama("delete").ollama.delete(model), f"{model} could not be deleted")

    async def _do(self, call: Awaitable[None], failure: str) -> None:
        try:
            await call
        except OllamaError as error:
            raise LocalError(f"{failure}: {error.message}") from None
        await self.refresh()

    def _ollama(self, what: str) -> Discovery:
        if self._found is None or self._discovery is None or self._standin.mode == "on":
            raise LocalError(f"Nothing answers at {self._address}: start Ollama to {what} models.")
        if self._found.kind != "ollama":
            raise LocalError(f"The server at {self._address} is not Ollama: {what} models in its own program.")
        return self._discovery

    # --- what is told ----------------------------------------------------------------------------------------------

    @property
    def _address(self) -> str:
        """Where the server is, for people: a password that the URL holds is left out."""
        return without_credentials(root_of(self._base_url))

    def _where(self) -> str:
        return "Ollama" if self._found and self._found.kind == "ollama" else f"the server at {self._address}"

    def _update(self) -> None:
        """Works out :attr:`server`, and tells when it has changed."""
        server = self._describe()
        self._previous = server.current_model
        if server == self._server:
            return
        self._server = server
        now = self._clock.now()
        self._publish(LocalChanged(now, self.server))
        before, self._told = self._told, self.notices
        if self._told and self._told != before:
            self._publish(Notice(now, "info" if server.reachable else "warning", self._told[0]))

    def _describe(self) -> LocalServer:
        if self._found is None or self._standin.mode == "on":
            return self._standin.describe(self._address, self._trouble)
        found = self._found
        wanted = (("chosen by you", self._switched), ("LOCAL_LLM_MODEL", self._settings.local_llm_model))
        choice = choose(found.models, wanted, self._previous, self._where())
        detail = choice.remark
        if choice.model is None:
            detail = detail or f"{self._where()} has no model yet: pull one."
        return LocalServer(
            found.kind,
            self._address,
            True,
            version=found.version,
            detail=detail,
            current_model=choice.model,
            models=found.models,
        )
