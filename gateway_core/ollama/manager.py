"""The LOCAL tier: which server and which model serve it now, and what an operator can do about it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import aiohttp

from gateway_core.clock import Clock, SystemClock
from gateway_core.credentials import without_credentials
from gateway_core.events import Event, LocalChanged
from gateway_core.model import Fit, LocalModel, LocalServer
from gateway_core.ollama.abilities import abilities, absent
from gateway_core.ollama.absence import BUILTIN_WANTED, Absence, Here, absence, look_here, switched_off
from gateway_core.ollama.address import is_loopback, local_base_url, root_of
from gateway_core.ollama.choice import choose, find
from gateway_core.ollama.contexts import Contexts
from gateway_core.ollama.discovery import Discovery, Found, Unreachable
from gateway_core.ollama.listing import Listing
from gateway_core.ollama.machine import fit
from gateway_core.ollama.machine.disk import Sharing, sharing_of
from gateway_core.ollama.machine.fitting import Fitting
from gateway_core.ollama.machine.surroundings import Surroundings
from gateway_core.ollama.notebook import Notebook, Store
from gateway_core.ollama.operations import LocalError as LocalError
from gateway_core.ollama.operations import Operations
from gateway_core.ollama.presence import Meanwhile, Presence, Seen
from gateway_core.ollama.pulling.pulls import Pulls
from gateway_core.ollama.registry import Registry
from gateway_core.ollama.residence import Residence
from gateway_core.ollama.speeds import measured
from gateway_core.ollama.standin import NoStandIn, StandIn, StandInModel
from gateway_core.ollama.updates import Updates
from gateway_core.settings import Settings
from gateway_core.wire.timings import Timing

log = logging.getLogger(__name__)

POLL_S = 3.0
MISSES_BEFORE_GONE = 3
"""A server that is busy may miss a look; one where nothing listens is gone at once."""

Endpoint = tuple[str, str | None, str]
"""Base URL, key and kind (``ollama``, ``openai`` or ``builtin``)."""


class LocalModels:
    """Keeps :attr:`server` fresh while started, and carries the operator's wishes out.

    ``standin`` is the built-in model, ``switched`` the model the operator switched to before a restart, ``store`` what
    else is kept over one. ``registry`` knows models that are not here. ``publish`` hears :class:`LocalChanged` only
    when something has changed. :attr:`operations` is what an operator can do.
    """

    def __init__(
        self,
        settings: Settings,
        publish: Callable[[Event], None],
        *,
        standin: StandInModel | None = None,
        switched: str | None = None,
        store: Store | None = None,
        registry: Registry | None = None,
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
        self.standin = StandIn(standin or NoStandIn(), settings.builtin_model, self._clock, self._update, self.wake)
        self._registry = registry or Registry(self._clock, enabled=False)
        self._notebook = Notebook(store)
        self._listing = Listing(self._notebook)
        self._pulls = Pulls(publish, self._clock, self.wake, keep=self._keep_pull, layers=self._registry.layers)
        self._updates = Updates(self._registry, self._notebook, self._clock)
        self._around = Surroundings(self._clock)
        self._in_flight: Counter[str] = Counter()
        self._overlay: LocalServer | None = None
        self._sharing: Mapping[str, Sharing] = {}
        self._shared_of: object = None
        self._beside: set[asyncio.Task[None]] = set()
        self._found: Found | None = None
        self._trouble = Unreachable("", refused=True)
        self._here = Here("", installed=False, unit=False)
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
            chosen=lambda model: self._notebook.of(model).num_ctx,
            pinned=lambda model: self._notebook.of(model).pinned,
        )
        self.operations = Operations(self, self._notebook, self._pulls)
        self._fitting = Fitting(self._registry, self._around, self.contexts)
        self.residence = Residence()
        self._poller: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._looking = asyncio.Lock()
        self._looked = False
        self._looked_at: float | None = None
        self._presence, self._product = Presence(self._clock), ""

    # --- what the gateway reads ------------------------------------------------------------------------------------

    @property
    def server(self) -> LocalServer:
        """The local server as last seen, with its pulls as they are now."""
        if self._overlay is None:
            self._overlay = self._with_all(self._server)
        pulls = self._pulls.statuses
        return self._overlay if pulls == self._overlay.pulls else replace(self._overlay, pulls=pulls)

    @property
    def lost(self) -> str:
        """Why the server that is to be there is not: one that has answered, or whose model the settings name.

        Empty while it is there, before the first look, and where nobody expects one.
        """
        expected = self._product or self._settings.local_llm_model
        if self._found or not self._looked or not self._looks or not expected:
            return ""
        return (self._trouble.message or f"nothing answers at {self._address}").rstrip(".")

    @property
    def discovery(self) -> Discovery | None:
        """The way to the server that is there; None while none is, or the built-in model is wanted instead."""
        return self._discovery if self._found is not None and self._looks else None

    @property
    def keep_alive(self) -> str | None:
        return self._settings.local_keep_alive

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know now; nothing before the first look."""
        if not self._looked:
            return ()
        texts = (self.standin.notice(self._found is not None, self._address),)
        return tuple(text for text in texts if text)

    def endpoint(self) -> Endpoint | None:
        """Where a request to the LOCAL tier goes now; None while nothing can answer. Ask anew for each request."""
        if not self._settings.local_llm_enabled:
            return None
        if self._found is not None and self._looks:
            return (self._base_url, self._api_key, self._found.kind)
        return self.standin.endpoint

    @contextmanager
    def in_use(self, model: str) -> Iterator[Endpoint | None]:
        """The endpoint for the length of one request to ``model``: the built-in model is not stopped under it."""
        endpoint, name = self.endpoint(), self._full_name(model)
        self._in_flight[name] += 1
        self._overlay = None
        try:
            with self.standin.held(endpoint is not None and endpoint[2] == "builtin"):
                yield endpoint
        finally:
            self._in_flight[name] -= 1
            self._notebook.last_used[name] = self._clock.now()
            self._overlay = None

    def context_of(self, model: str) -> int | None:
        """Tokens that prompt and answer can have together on ``model``; None where nobody knows.

        Of Ollama it is the largest context that a request may ask for, not the one in force.
        """
        if self._server.kind == "builtin":
            return self.standin.model.context_tokens
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

    def beside(self, models: Sequence[LocalModel], leaving: frozenset[str]) -> bool:
        """Whether Ollama can load ``models`` beside what it has, once some have left; False where nobody knows."""
        found, machine = self._found, self._around.machine
        return found is not None and self._fitting.beside(models, found, machine, leaving)

    # --- its life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts to look, in the background; returns at once."""
        if not self._settings.local_llm_enabled:
            self._server = switched_off(self._address)
            return
        await self._open_notebook()
        self._session = self._session or aiohttp.ClientSession()
        self._discovery = Discovery(self._session, self._base_url, self._api_key, self._settings.local_context_tokens)
        self._poller = asyncio.create_task(self._poll(), name="local server")

    async def reconfigure(self, settings: Settings) -> None:
        """Takes up other settings of the local server; requests in flight end where they began."""
        key = settings.local_llm_api_key
        if settings.local_registry != self._settings.local_registry:
            self._registry.enabled = settings.local_registry == "on"
        self._settings = settings
        self._base_url, self._product = local_base_url(settings), ""
        self._presence.forget()
        self.residence.forget()
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
            self._server, self._overlay = switched_off(self._address), None
            self._publish(LocalChanged(self._clock.now(), self.server))
            return
        if self._poller is None:
            await self.start()
        assert self._session
        await self._open_notebook()
        self._discovery = Discovery(self._session, self._base_url, self._api_key, settings.local_context_tokens)
        self._misses = MISSES_BEFORE_GONE
        await self.refresh()

    async def close(self) -> None:
        """Stops looking, cancels pulls and ends the built-in model."""
        if self._poller:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller
        for task in tuple(self._beside):
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self._pulls.close()
        await self._notebook.settle()
        await self._registry.close()
        await self.standin.close()
        if self._session:
            await self._session.close()

    async def settled(self, within_s: float) -> None:
        """Returns once it is known what serves, after ``within_s`` seconds at the latest.

        Known is it after the first look, and when a start or stop of the built-in model has ended.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                if not self._looked:
                    await self.refresh()
                await self.standin.settled()

    async def looked(self) -> None:
        """Returns once the server was looked at; at once where it was before, or nothing is to be looked at."""
        if self._settings.local_llm_enabled and not self._looked:
            await self.refresh()

    def wake(self) -> None:
        """Has the next look happen now."""
        self._woken.set()

    async def refresh(self) -> LocalServer:
        """Looks now and returns what was found."""
        async with self._looking:
            began = self._clock.now()
            if self._looks:
                await self._look()
            self._looked_at = began
            self.standin.follow(self._found is not None)
            self._looked = True
            self._update()
            self.residence.saw(self._server.models, self._looked_at)
        return self.server

    async def _poll(self) -> None:
        while True:
            self._woken.clear()
            await self.refresh()
            self._pulls.tick()
            self._spawn("machine", self._look_around)
            self._spawn("pins", self.operations.pin_again)
            self._spawn("newer models", self._check_due)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._woken.wait()

    async def _look(self) -> None:
        assert self._discovery, "start() first"
        try:
            self._found = await self._discovery.look()
            self._misses, self._product = 0, self._found.product
        except Unreachable as error:
            self._misses += 1
            self._trouble, self._here = error, await asyncio.to_thread(look_here)
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

    async def saved(self) -> None:
        """Returns once the operator's wishes are on disk. Raises ``StoreError``."""
        await self._notebook.saved()

    async def fit(self, model: str) -> Fit:
        """Whether a model would fit, pulled or not. Asks the registry for one that is not here; never raises."""
        await self.looked()
        await self._look_around(fresh=True)
        server = self.server
        if why := server.ability("fit").why_not:
            return fit.unknown(model, why.rstrip(".")[0].lower() + why.rstrip(".")[1:])
        return await self._fitting.fit(model, self._found, server)

    async def check_updates(self) -> tuple[str, ...]:
        """Asks the registry for every model; the names of those with a newer version. Raises :class:`LocalError`."""
        await self.looked()
        found = self._found
        if found is None or found.kind != "ollama":
            raise LocalError("Only Ollama's models can be looked up at a registry.")
        if not self._registry.enabled:
            raise LocalError("LOCAL_REGISTRY is off: no registry is asked.")
        newer = await self._updates.check(found.models, found.weights, self._around.manifests)
        self.changed()
        return newer

    def measured(self, model: str, timing: Timing) -> None:
        """Takes up how fast a model has just answered."""
        name = self._full_name(model)
        self._notebook.note(name, speed=measured(self._notebook.of(name).speed, timing, self._clock.now()))
        self._overlay = None

    # --- what is told ----------------------------------------------------------------------------------------------

    @property
    def _address(self) -> str:
        """Where the server is, for people: a password that the URL holds is left out."""
        return without_credentials(root_of(self._base_url))

    @property
    def _looks(self) -> bool:
        """Whether a server of the person's own is looked for."""
        return self._settings.local_llm_enabled and self.standin.mode != "on"

    def _why_absent(self) -> Absence:
        if not self._looks:
            return BUILTIN_WANTED
        trouble = self._trouble
        return absence(self._address, self._here, trouble.message, refused=trouble.refused, product=self._product)

    def _where(self) -> str:
        return "Ollama" if self._found and self._found.kind == "ollama" else f"the server at {self._address}"

    def _update(self) -> None:
        """Works out :attr:`server`, and tells when it has changed."""
        self._share()
        server, self._overlay = self._describe(), None
        self._previous = server.current_model
        if server != self._server:
            self._server = server
            self._publish(LocalChanged(self._clock.now(), self.server))
        if self._looked:
            self._tell_presence()

    def _tell_presence(self) -> None:
        """Tells a person that the server came or went."""
        found = self._found if self._looks else None
        seen = Seen(found.product, self._address, self._server.current_model) if found else None
        meanwhile = Meanwhile(self.standin.serves(found is not None), " ".join(self.notices))
        for notice in self._presence.look(seen, self._trouble.message, meanwhile):
            self._publish(notice)

    def changed(self) -> None:
        """Tells that something known of the models has changed, beside what the server says."""
        self._overlay = None
        self._publish(LocalChanged(self._clock.now(), self.server))

    def _with_all(self, server: LocalServer) -> LocalServer:
        """The server with what is known besides its own word."""
        found = self._found if server.kind == "ollama" else None
        return replace(
            server,
            models=self._listing.of(server.models, self._in_flight, self._clock.now(), self._sharing if found else {}),
            machine=self._around.machine,
            looked_at=self._looked_at,
            looks_every_s=self._poll_s if self._looks else 0.0,
        )

    def _share(self) -> None:
        """Works out anew what the models share, when they or what lies on the disk are others than before."""
        found, manifests = self._found, self._around.manifests
        digests = {model.name: model.digest for model in found.models} if found and found.kind == "ollama" else {}
        of = (digests, dict(found.weights) if found else {}, manifests)
        if of != self._shared_of:
            sizes = {model.name: model.size_bytes for model in found.models} if found else {}
            self._shared_of, self._sharing = of, sharing_of(digests, sizes, of[1], manifests)

    async def _look_around(self, *, fresh: bool = False) -> None:
        """Reads the machine, which nobody who asks for a model waits for."""
        found = self._found
        digests = {model.name: model.digest for model in found.models} if found else {}
        is_ollama = found is not None and found.kind == "ollama"
        folder = found.folder if found else ""
        await self._around.look(self._address, folder, digests, ollama=is_ollama, fresh=fresh)
        self._share()
        self._overlay = None

    async def _check_due(self) -> None:
        found = self._found
        due = self._updates.due(found.models) if found and found.kind == "ollama" else ()
        if found and due:
            await self._updates.check(due, found.weights, self._around.manifests)
            self.changed()

    async def _open_notebook(self) -> None:
        await self._notebook.open(self._address)
        self._pulls.interrupted(self._notebook.names(pulling=True))
        self._overlay = None

    def _keep_pull(self, model: str, *, pulling: bool, pulled: bool = False) -> None:
        self._notebook.note(model, pulling=pulling)
        if pulled:
            name = model if ":" in model.rpartition("/")[2] else f"{model}:latest"
            self._notebook.note(name, pulled=True)

    def _full_name(self, model: str) -> str:
        found = find(self._server.models, model)
        return found.name if found else model

    def _spawn(self, name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Does something beside the looking, unless it is being done."""
        if any(task.get_name() == name for task in self._beside):
            return
        task = asyncio.create_task(work(), name=name)
        self._beside.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s: %s", task.get_name(), type(error).__name__)

    def _describe(self) -> LocalServer:
        if self._found is None or not self._looks:
            why = self._why_absent()
            server = self.standin.describe(self._address, why.words)
            product = "builtin" if server.reachable else self._product
            able = abilities("builtin") if server.reachable else absent(why.words)
            return replace(server, product=product, abilities=able, why_absent=why.why, how_to_start=why.steps)
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
            product=found.product,
            abilities=abilities(found.product, found.manages, native_chat=self.contexts.native_chat),
        )
