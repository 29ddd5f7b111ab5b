"""What an operator does with the models of a local server. Everything here raises :class:`LocalError`, in words."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from gateway_core.frozen import frozen
from gateway_core.local_values import LocalModel, LocalServer, PullStatus
from gateway_core.ollama.choice import find
from gateway_core.ollama.client import OllamaError
from gateway_core.ollama.contexts import FOR_EVER
from gateway_core.ollama.discovery import Discovery
from gateway_core.ollama.notebook import Notebook
from gateway_core.ollama.pulling.pulls import Pulls

USUAL_KEEP_ALIVE = "5m"
"""Ollama's own (0.32.15)."""
LEAST_CONTEXT_TOKENS = 512


class LocalError(Exception):
    """An operation that cannot be done. The message says why and what to do instead."""


class House(Protocol):
    """What operations need of ``gateway_core.ollama.manager.LocalModels``."""

    @property
    def server(self) -> LocalServer: ...

    @property
    def discovery(self) -> Discovery | None: ...

    @property
    def keep_alive(self) -> str | None: ...

    async def refresh(self) -> LocalServer: ...

    def changed(self) -> None: ...


@frozen
class Deleted:
    """What a deletion freed; None where nobody knows. ``shared_with`` still has the weights."""

    freed_bytes: int | None
    shared_with: tuple[str, ...] = ()


class Operations:
    """Carries the operator's wishes out, at the server that is there."""

    def __init__(self, house: House, notebook: Notebook, pulls: Pulls) -> None:
        self._house = house
        self._notebook = notebook
        self._pulls = pulls
        self._pinning: set[str] = set()

    # --- downloads ---------------------------------------------------------------------------------------------------

    def pull(self, model: str) -> PullStatus:
        """Starts to download a model in the background, goes on with one that ended early, or joins one under way."""
        name = model.strip()
        if not name:
            raise LocalError("Say which model to pull, for example qwen3:8b.")
        return self._pulls.start(self._can("pull").ollama, name)

    def pull_of(self, model: str) -> PullStatus | None:
        """The download of that model, under way or ended."""
        return self._pulls.find(model)

    def cancel_pull(self, model: str) -> bool:
        """Stops a download; False when there is none of that model."""
        return self._pulls.cancel(model)

    def forget_pull(self, model: str) -> bool:
        """Takes a download that has ended from the list; False when there is none."""
        return self._pulls.forget(model)

    # --- memory ------------------------------------------------------------------------------------------------------

    async def load(self, model: str) -> LocalModel:
        """Loads a model as the operator wants it, and waits for it: minutes, for a large one."""
        at, found = self._can("load"), self._listed(model)
        known = self._notebook.of(found.name)
        if self._house.server.product == "lmstudio":
            await self._do(at.lm_studio.load(found.name, known.num_ctx), f"{found.name} could not be loaded")
        else:
            keep_alive = FOR_EVER if known.pinned else None
            await self._do(at.ollama.load(found.name, keep_alive, known.num_ctx), f"{found.name} could not be loaded")
        return self._listed(found.name)

    async def unload(self, model: str) -> LocalModel:
        """Frees a model's memory; one that is answering goes when it is done. It is not kept pinned."""
        at, found = self._can("unload"), self._listed(model)
        self._notebook.note(found.name, pinned=False)
        if self._house.server.product == "lmstudio":
            await self._do(at.lm_studio.unload(found.name), f"{found.name} could not be unloaded")
        else:
            await self._do(at.ollama.unload(found.name), f"{found.name} could not be unloaded")
        return found

    async def unload_all(self) -> tuple[LocalModel, ...]:
        """Frees the memory of all models; those that were loaded."""
        self._can("unload")
        loaded = tuple(model for model in self._house.server.models if model.loaded and not model.builtin)
        for model in loaded:
            await self.unload(model.name)
        return loaded

    async def pin(self, model: str) -> LocalModel:
        """Loads a model and keeps it loaded, also when another client loads it with another context."""
        at, found = self._can("pin"), self._listed(model)
        await self._do(self._keep_loaded(at, found, FOR_EVER), f"{found.name} could not be loaded")
        self._notebook.note(found.name, pinned=True)
        self._house.changed()
        return self._listed(found.name)

    async def unpin(self, model: str) -> LocalModel:
        """Lets a model go when it was not used for a while."""
        at, found = self._can("pin"), self._listed(model)
        self._notebook.note(found.name, pinned=False)
        if found.loaded:
            keep_alive = self._house.keep_alive or USUAL_KEEP_ALIVE
            await self._do(self._keep_loaded(at, found, keep_alive), f"{found.name} could not be released")
        else:
            self._house.changed()
        return self._listed(found.name)

    async def pin_again(self) -> None:
        """After loads: a pin does not outlive another context, nor a chat over ``/v1`` (Ollama 0.32.15).

        A pinned model that is gone altogether, or is about to go (its time is over, and it only answers still), stays
        away: whoever put it out needed the memory.
        """
        server = self._house.server
        if server.product != "ollama" or self._house.discovery is None:
            return
        for model in server.models:
            ends = model.expires_at if model.pinned and model.loaded and not model.in_flight else None
            lost = ends is not None and ends > (server.looked_at or 0.0)
            if lost and model.name not in self._pinning:
                self._pinning.add(model.name)
                try:
                    await self._keep_loaded(self._house.discovery, model, FOR_EVER)
                except OllamaError:
                    continue
                finally:
                    self._pinning.discard(model.name)

    async def _keep_loaded(self, at: Discovery, model: LocalModel, keep_alive: int | str) -> None:
        """Says how long a model stays. With another context than it has, it would be loaded again."""
        wanted = self._notebook.of(model.name).num_ctx
        context = model.context_length if model.loaded else None
        keep = int(keep_alive) if isinstance(keep_alive, str) and keep_alive.lstrip("-").isdigit() else keep_alive
        await at.ollama.load(model.name, keep, context or wanted)

    # --- contexts and disk -------------------------------------------------------------------------------------------

    def set_context(self, model: str, num_ctx: int | None) -> LocalModel:
        """Has a model asked for with that context from the next request on; None is as large as each prompt needs."""
        self._can("num_ctx")
        found = self._listed(model)
        if num_ctx is not None:
            trained = found.trained_context
            if num_ctx < LEAST_CONTEXT_TOKENS:
                raise LocalError(
                    f"A context of {num_ctx:,} tokens is too small: take {LEAST_CONTEXT_TOKENS:,} or more."
                )
            if trained and num_ctx > trained:
                raise LocalError(f"{found.name} was trained for {trained:,} tokens: take no more, or auto.")
        self._notebook.note(found.name, num_ctx=num_ctx)
        self._house.changed()
        return self._listed(found.name)

    async def delete(self, model: str, *, even_in_use: bool = False) -> Deleted:
        """Removes a model from the disk. Refuses while requests are answered by it, unless ``even_in_use``."""
        at, found = self._can("delete"), self._listed(model)
        if found.in_flight and not even_in_use:
            requests = "a request" if found.in_flight == 1 else f"{found.in_flight} requests"
            raise LocalError(f"{found.name} is answering {requests}: wait, or say that it goes all the same.")
        await self._do(at.ollama.delete(found.name), f"{found.name} could not be deleted")
        self._notebook.forget(found.name)
        return Deleted(found.frees_bytes, found.shares_with)

    # --- common ------------------------------------------------------------------------------------------------------

    def _can(self, what: str) -> Discovery:
        """The server, where it can do that."""
        server, at = self._house.server, self._house.discovery
        if why := server.ability(what).why_not:
            raise LocalError(why)
        if at is None:
            raise LocalError(f"Nothing answers at {server.base_url}: start a local server to {what} models.")
        return at

    def _listed(self, model: str) -> LocalModel:
        server = self._house.server
        found = find(server.models, model.strip())
        if found is None:
            names = ", ".join(entry.name for entry in server.models[:8])
            raise LocalError(f"{model} is not there. {f'There are: {names}.' if names else 'Pull it first.'}")
        return found

    async def _do(self, call: Awaitable[None], failure: str) -> None:
        try:
            await call
        except OllamaError as error:
            raise LocalError(f"{failure}: {error.message}") from None
        await self._house.refresh()
