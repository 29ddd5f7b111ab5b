"""What an operator can do with models: pull, load, pin, give a context, delete, and switch the tiers between them."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, Field

from gateway_core.model import CommandResult, LocalModel, Tier
from gateway_core.ollama.manager import LocalModels
from gateway_core.ollama.operations import Deleted
from gateway_core.ollama.registry import RegistryError, parse_name
from gateway_core.tiers import Tiers


def _no_way_out(name: str) -> str:
    """A name that leads to no other place wherever it is used: in a path, in a URL, in a line. Raises ``ValueError``.

    A local server's own models may be called by a whole path (vLLM), but not by one that climbs.
    """
    if not name.isprintable() or "%" in name or ".." in re.split(r"[/\\:]", name):
        raise ValueError("is no model's name: it has no '..', no '%' and nothing that cannot be printed")
    return name


def _to_pull(name: str) -> str:
    """A name that a registry can know. Raises ``ValueError``."""
    try:
        parse_name(name)
    except RegistryError as error:
        raise ValueError(str(error)) from None
    return name


ModelName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_no_way_out)]
NameToPull = Annotated[ModelName, AfterValidator(_to_pull)]
MOST_CONTEXT_TOKENS = 16_777_216


class Keep(Protocol):
    """Makes an operator's decision durable; the names are those of ``OperatorState``."""

    def __call__(self, **changes: object) -> Awaitable[None]: ...


class ModelCommands:
    """Commands on models. What they leave to be remembered is on the disk before they return."""

    def __init__(self, local: LocalModels, tiers: Tiers, keep: Keep) -> None:
        self._local = local
        self._do = local.operations
        self._tiers = tiers
        self._keep = keep

    async def pull(self, model: NameToPull) -> CommandResult:
        """Downloads a model in the background; goes on with a download that ended early."""
        await self._local.looked()
        before = self._do.pull_of(model)
        status = self._do.pull(model)
        await self._local.saved()
        if before and before.running:
            return CommandResult(True, f"{status.model} is being pulled already.")
        goes_on = " It resumes where it stopped." if before and before.resumable and before.has_arrived else ""
        return CommandResult(True, f"Pulling {status.model}.{goes_on}")

    async def cancel_pull(self, model: ModelName) -> CommandResult:
        """Stops a download; what has arrived is kept for the next try."""
        if self._do.cancel_pull(model):
            await self._local.saved()
            after = self._do.pull_of(model)
            kept = "Pull it again to resume." if after and after.has_arrived else "Nothing has arrived."
            return CommandResult(True, f"Stopped pulling {model}. {kept}")
        return CommandResult(False, f"{model} is not being pulled.")

    async def forget_pull(self, model: ModelName) -> CommandResult:
        """Takes a download that has ended, or was interrupted, from the list."""
        before = self._do.pull_of(model)
        if self._do.forget_pull(model):
            await self._local.saved()
            kept = " What has arrived stays on disk." if before and before.has_arrived else ""
            return CommandResult(True, f"The pull of {model} is off the list.{kept}")
        return CommandResult(False, f"There is no ended pull of {model} to remove; stop a running one first.")

    async def load(self, model: ModelName) -> CommandResult:
        """Loads a local model into memory."""
        await self._local.looked()
        loaded = await self._do.load(model)
        return CommandResult(True, f"{loaded.name} is loaded{_with_context(loaded)}.")

    async def unload(self, model: ModelName) -> CommandResult:
        """Frees a local model's memory, and lets go of its pin."""
        await self._local.looked()
        before = await self._do.unload(model)
        await self._local.saved()
        unpinned = " It is not pinned any more." if before.pinned else ""
        waits = " It unloads when it has answered." if before.in_flight else ""
        return CommandResult(True, f"{before.name} is unloaded.{waits}{unpinned}")

    async def unload_all(self) -> CommandResult:
        """Frees the memory of all local models."""
        await self._local.looked()
        gone = await self._do.unload_all()
        await self._local.saved()
        if not gone:
            return CommandResult(True, "No model was loaded.")
        freed = sum(model.memory_bytes for model in gone)
        size = f" {_size(freed)} of memory freed." if freed else ""
        return CommandResult(True, f"{len(gone)} model{'' if len(gone) == 1 else 's'} unloaded.{size}")

    async def pin(self, model: ModelName) -> CommandResult:
        """Loads a model and keeps it in memory."""
        await self._local.looked()
        pinned = await self._do.pin(model)
        await self._local.saved()
        return CommandResult(True, f"{pinned.name} stays loaded until it is unpinned or unloaded.")

    async def unpin(self, model: ModelName) -> CommandResult:
        """Lets a pinned model go when it has not been used for a while."""
        await self._local.looked()
        unpinned = await self._do.unpin(model)
        await self._local.saved()
        return CommandResult(True, f"{unpinned.name} is unloaded when it has not been used for a while.")

    async def set_context(
        self, model: ModelName, num_ctx: Literal["auto"] | Annotated[int, Field(ge=1, le=MOST_CONTEXT_TOKENS)]
    ) -> CommandResult:
        """Sets the context of a model in tokens; ``auto`` is as large as each prompt needs."""
        await self._local.looked()
        tokens = None if num_ctx == "auto" else num_ctx
        model_now = self._do.set_context(model, tokens)
        await self._local.saved()
        if tokens is None:
            return CommandResult(True, f"{model_now.name} now gets as much context as each prompt needs.")
        again = ""
        if model_now.loaded and model_now.context_length != tokens:
            again = " It is loaded again for the next request."
        return CommandResult(True, f"{model_now.name} now has a context of {tokens:,} tokens.{again}")

    async def delete_model(self, model: ModelName, even_in_use: bool = False) -> CommandResult:
        """Removes a local model from the disk. Refused while it answers requests, unless ``even_in_use``."""
        await self._local.looked()
        deleted = await self._do.delete(model, even_in_use=even_in_use)
        await self._local.saved()
        return CommandResult(True, f"{model} is deleted: {_freed(deleted)}")

    async def check_updates(self) -> CommandResult:
        """Asks the registries which local models have newer versions. Sends their names, and nothing else."""
        newer = await self._local.check_updates()
        await self._local.saved()
        models = self._local.server.models
        unknown = [model for model in models if model.update.newer is None]
        if models and len(unknown) == len(models):
            return CommandResult(False, f"Newer versions are unknown: {unknown[0].update.why_unknown}.")
        rest = f" Unknown for {len(unknown)}: {unknown[0].update.why_unknown or unknown[0].name}." if unknown else ""
        if newer:
            return CommandResult(True, f"Newer versions of {', '.join(newer)}: pull them to update.{rest}")
        return CommandResult(True, f"No model has a newer version.{rest}")

    async def switch(self, tier: Literal["local", "cheap", "premium"], model: ModelName) -> CommandResult:
        """Has a tier served by another model, from the next request on: a model of its first provider, or
        ``provider/model`` of any that serves it. ``auto`` undoes it."""
        wanted = None if model == "auto" else model
        if tier == "local":
            wanted = self._local.switch(wanted)
            await self._keep(local_model=wanted)
        else:
            self._tiers.switch(Tier(tier), wanted)
            await self._keep(**{f"{tier}_model": wanted})
        return CommandResult(True, f"The {tier} tier is now served by {wanted or 'its default model'}.")


def _with_context(model: LocalModel) -> str:
    return f" with a context of {model.context_length:,} tokens" if model.loaded and model.context_length else ""


def _freed(deleted: Deleted) -> str:
    if deleted.freed_bytes:
        return f"{_size(deleted.freed_bytes)} freed."
    shared = ", ".join(deleted.shared_with)
    if deleted.freed_bytes == 0:
        return f"nothing freed, {shared or 'another model'} has the same weights."
    return f"a part of it stays, for {shared}." if shared else "how much that freed is not known."


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"
