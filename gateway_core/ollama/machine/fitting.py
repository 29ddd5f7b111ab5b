"""Finds out what a model would take, here or at the registry, and has it judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway_core.local_values import Fit, FitVerdict, LocalModel, LocalServer, Machine
from gateway_core.ollama.choice import find
from gateway_core.ollama.contexts import Contexts
from gateway_core.ollama.discovery import Found
from gateway_core.ollama.machine import fit
from gateway_core.ollama.machine.fit import Weight
from gateway_core.ollama.machine.surroundings import Surroundings
from gateway_core.ollama.registry import Manifest, Registry, RegistryError


class Fitting:
    """``registry`` tells of models that are not here, ``around`` of the machine, ``contexts`` of what is loaded."""

    def __init__(self, registry: Registry, around: Surroundings, contexts: Contexts) -> None:
        self._registry = registry
        self._around = around
        self._contexts = contexts

    async def fit(self, model: str, found: Found | None, server: LocalServer) -> Fit:
        """The verdict on a model of that name. Never raises."""
        here = find(server.models, model.strip())
        try:
            manifest = await self._registry.manifest(model) if here is None else None
        except RegistryError as error:
            return fit.unknown(model, error.message, server.machine)
        if here and found:
            weight = self._weight(here, found)
        else:
            size = manifest.weights_bytes if manifest else here.size_bytes if here else 0
            weight = Weight(model.strip(), size, self._contexts.limit or fit.USUAL_CONTEXT_TOKENS)
        main, vram = self._contexts.given_back(weight.model)
        judged = fit.judge(weight, server.machine, freed_bytes=main, freed_vram_bytes=vram)
        return (
            await self._with_disk(judged, manifest, server.machine) if manifest else replace(judged, download_bytes=0)
        )

    def beside(
        self, models: Sequence[LocalModel], found: Found, machine: Machine, leaving: frozenset[str] = frozenset()
    ) -> bool:
        """Whether all of ``models`` can be loaded beside those that are, once some have left; on the GPU where there is
        one. False where the machine cannot be seen, and of a server that is not Ollama."""
        if found.kind != "ollama":
            return False
        weights = [self._weight(model, found) for model in models]
        need = sum(weight.weights_bytes + fit.context_bytes(weight) for weight in weights)
        main, vram = self._contexts.gives_back(leaving)
        judged = fit.judge(Weight("", need, 0, 0), machine, freed_bytes=main, freed_vram_bytes=vram)
        return judged.verdict is (FitVerdict.VRAM if machine.vram_bytes else FitVerdict.MEMORY)

    def _weight(self, model: LocalModel, found: Found) -> Weight:
        shape = found.shapes.get(model.name)
        context = model.num_ctx or self._contexts.limit or fit.USUAL_CONTEXT_TOKENS
        tokens = min(context, model.trained_context or context)
        return Weight(model.name, model.size_bytes, tokens, shape.bytes_a_token if shape else None)

    async def _with_disk(self, judged: Fit, manifest: Manifest, machine: Machine) -> Fit:
        missing = await self._around.missing_bytes(manifest)
        download = manifest.total_bytes if missing is None else missing
        full = machine.disk_free_bytes is not None and download > machine.disk_free_bytes
        free = (machine.disk_free_bytes or 0) / 1e9
        why = (
            f"{judged.why} The disk has only {free:.1f} GB for a download of {download / 1e9:.1f} GB."
            if full
            else judged.why
        )
        return replace(
            judged,
            why=why,
            download_bytes=download,
            disk_free_bytes=machine.disk_free_bytes,
            layers=manifest.layers,
        )
