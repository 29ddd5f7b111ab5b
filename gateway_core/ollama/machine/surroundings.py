"""What is around a local server on this machine: memory, GPU, and its folder of models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from gateway_core.clock import Clock
from gateway_core.local_values import Machine
from gateway_core.ollama.address import is_loopback
from gateway_core.ollama.machine.disk import missing_bytes, models_folder, read_manifests
from gateway_core.ollama.machine.hardware import Gpu, find_gpu, read_machine
from gateway_core.ollama.registry import Manifest

GPU_EVERY_S = 15.0
"""NVIDIA's program takes a tenth of a second and more."""


class Surroundings:
    """Looks in a thread, and remembers. Of a server on another machine nothing is known."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gpu: Gpu | None = None
        self._gpu_at_s = float("-inf")
        self._folder: Path | None = None
        self._read: Mapping[str, str] | None = None
        self.machine = Machine()
        self.manifests: Mapping[str, Manifest] = {}
        """Of the models, as they lie in the folder; empty where it cannot be read."""

    async def look(self, root: str, told_folder: str, digests: Mapping[str, str], *, ollama: bool, fresh: bool) -> None:
        """``digests`` are the models there, ``told_folder`` where they lie; ``fresh`` asks the GPU anew."""
        await asyncio.to_thread(self._look, root, told_folder, dict(digests), ollama, fresh)

    async def missing_bytes(self, manifest: Manifest) -> int | None:
        """What a pull has still to bring; None where the folder cannot be seen."""
        folder = self._folder
        return None if folder is None else await asyncio.to_thread(missing_bytes, folder, manifest)

    def _look(self, root: str, told_folder: str, digests: dict[str, str], ollama: bool, fresh: bool) -> None:
        here = is_loopback(root)
        if not here:
            self.machine, self.manifests, self._folder, self._read = Machine(), {}, None, None
            return
        now_s = self._clock.monotonic()
        if fresh or now_s - self._gpu_at_s >= GPU_EVERY_S:
            self._gpu, self._gpu_at_s = find_gpu(), now_s
        folder = models_folder(told_folder) if ollama else None
        if folder != self._folder or self._read != digests:
            self.manifests = read_manifests(folder, digests) if folder else {}
            self._folder, self._read = folder, digests
        self.machine = read_machine(folder, self._gpu)
