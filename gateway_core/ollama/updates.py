"""Which models are stale: what the registry has under their names today, against what is on disk.

A name is only sent to a registry when the operator asks for it, or for models that came from there: pulled by us, or
known there from an earlier answer. The names of models that somebody made himself are nobody's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway_core.clock import Clock
from gateway_core.local_values import LocalModel, UpdateCheck
from gateway_core.ollama.notebook import Notebook
from gateway_core.ollama.registry import Manifest, Registry, RegistryError

EVERY_S = 86_400.0
RETRY_S = 3_600.0
"""After the registry could not be reached."""


class Updates:
    """Asks the registry, at most once a day for each version of a model."""

    def __init__(self, registry: Registry, notebook: Notebook, clock: Clock) -> None:
        self._registry = registry
        self._notebook = notebook
        self._clock = clock
        self._not_before = float("-inf")

    def due(self, models: Sequence[LocalModel]) -> tuple[LocalModel, ...]:
        """Those that may be asked for now without anybody's asking."""
        if not self._registry.enabled or self._clock.monotonic() < self._not_before:
            return ()
        return tuple(model for model in models if model.digest and self._is_due(model))

    async def check(
        self,
        models: Sequence[LocalModel],
        weights: Mapping[str, tuple[str, ...]],
        manifests: Mapping[str, Manifest],
    ) -> tuple[str, ...]:
        """Asks for all of ``models``, one after another; the names of those with a newer version.

        A registry that cannot be reached is not asked for the rest.
        """
        newer = []
        offline: RegistryError | None = None
        for model in models:
            try:
                if offline:
                    raise offline
                told = await self._registry.manifest(model.name)
            except RegistryError as error:
                offline = error if error.offline else offline
                check = UpdateCheck(self._clock.now(), None, error.message)
                if not error.missing:
                    self._not_before = self._clock.monotonic() + RETRY_S
            else:
                is_newer = compare(told, model.digest, weights.get(model.name, ()), manifests.get(model.name))
                why = "" if is_newer is not None else "the manifest differs, and what it holds here cannot be seen"
                check = UpdateCheck(self._clock.now(), is_newer, why)
                newer += [model.name] if is_newer else []
            self._notebook.note(model.name, update=check, checked_digest=model.digest)
        return tuple(newer)

    def _is_due(self, model: LocalModel) -> bool:
        known = self._notebook.of(model.name)
        is_checked = known.checked_digest == model.digest
        if not known.pulled and not (is_checked and known.update.newer is not None):
            return False
        at = known.update.checked_at if is_checked else None
        return at is None or self._clock.now() - at >= EVERY_S


def compare(told: Manifest, digest: str, weights: tuple[str, ...], on_disk: Manifest | None) -> bool | None:
    """Whether the registry's version is another one; None where that cannot be told.

    The digests of the manifests differ for the same contents too: Ollama before 0.19 wrote them anew (ollama#16844,
    2026). So equal ones prove that nothing is newer, but only layers prove that something is.
    """
    if told.digest == digest.removeprefix("sha256:"):
        return False
    if on_disk:
        return {layer.digest for layer in told.layers} != {layer.digest for layer in on_disk.layers}
    return set(told.weights) != set(weights) if weights else None
