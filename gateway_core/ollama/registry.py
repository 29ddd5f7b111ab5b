"""Ollama's registry and Hugging Face: what a model's name stands for there, its layers and their sizes.

Both answer ``/v2/<namespace>/<model>/manifests/<tag>`` with a manifest, as Ollama itself asks for it (its
``server/internal/manifest``, 2025-09). Nothing but the name is sent, and no other host is asked.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

import aiohttp

from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.local_values import LayerState, PullLayer
from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_object, as_objects, positive

OLLAMA_HOST = "registry.ollama.ai"
HOSTS: Mapping[str, str] = {
    OLLAMA_HOST: f"https://{OLLAMA_HOST}",
    "ollama.com": f"https://{OLLAMA_HOST}",
    "hf.co": "https://hf.co",
    "huggingface.co": "https://hf.co",
}
TIMEOUT_S = 8.0
FRESH_S = 60.0
"""How long an answer counts: who looks at a model, pulls it next."""
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_MODEL_LAYERS = ("application/vnd.ollama.image.model", "application/vnd.ollama.image.projector")
_ADAPTER = "application/vnd.ollama.image.adapter"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,200}(:\d{1,5})?")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class RegistryError(Exception):
    """The registry does not tell. The message says why, ``missing`` that it has no such model, and ``offline`` that it
    cannot be reached at all."""

    def __init__(self, message: str, *, missing: bool = False, offline: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.missing = missing
        self.offline = offline


@frozen
class ModelName:
    """A model's name with all its parts, as Ollama completes it."""

    host: str
    namespace: str
    model: str
    tag: str

    @property
    def path(self) -> str:
        return f"{self.namespace}/{self.model}"


@frozen
class Manifest:
    """What a name stands for. ``digest`` is of the manifest itself; ``weights`` are the digests of its large layers."""

    digest: str
    layers: tuple[PullLayer, ...]
    weights: tuple[str, ...]
    weights_bytes: int

    @property
    def total_bytes(self) -> int:
        return sum(layer.total_bytes for layer in self.layers)


def parse_name(name: str) -> ModelName:
    """The parts of ``[host/][namespace/]model[:tag]``. Raises :class:`RegistryError` for what is no name."""
    text = name.strip().removeprefix("https://").removeprefix("http://")
    place, _, last = text.rpartition("/")
    model, _, tag = last.partition(":")
    parts = [*(place.split("/") if place else []), model]
    if len(parts) > 3:
        parts = ["", "", ""]
    host, namespace, model = [*(OLLAMA_HOST, "library")[: 3 - len(parts)], *parts]
    if not all(_PART.fullmatch(part) for part in (namespace, model, tag or "latest")) or not _HOST.fullmatch(host):
        raise RegistryError(f"{name} is no model's name: write NAME or NAME:TAG, for example qwen3:8b", missing=True)
    return ModelName(host.lower(), namespace, model, tag or "latest")


class Registry:
    """Asks, and remembers the answers for a minute. ``hosts`` are the registries that may be asked, by their name."""

    def __init__(self, clock: Clock, *, enabled: bool = True, hosts: Mapping[str, str] | None = None) -> None:
        self._clock = clock
        self._hosts = HOSTS if hosts is None else hosts
        self._session: aiohttp.ClientSession | None = None
        self._answers: dict[ModelName, tuple[float, Manifest]] = {}
        self.enabled = enabled

    async def manifest(self, name: str) -> Manifest:
        """What the name stands for now. Raises :class:`RegistryError`."""
        if not self.enabled:
            raise RegistryError("LOCAL_REGISTRY is off, so the registry is not asked")
        parsed = parse_name(name)
        at, known = self._answers.get(parsed, (0.0, None))
        if known and self._clock.monotonic() - at < FRESH_S:
            return known
        root = self._hosts.get(parsed.host)
        if root is None:
            raise RegistryError(f"only {', '.join(self._hosts)} are asked for sizes, not {parsed.host}")
        manifest = read_manifest(await self._get(f"{root}/v2/{parsed.path}/manifests/{parsed.tag}", name, parsed.host))
        if len(self._answers) > 500:
            self._answers.clear()
        self._answers[parsed] = (self._clock.monotonic(), manifest)
        return manifest

    async def layers(self, name: str) -> tuple[PullLayer, ...]:
        """All layers of a model; none where the registry does not tell."""
        try:
            return (await self.manifest(name)).layers
        except RegistryError:
            return ()

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def _get(self, url: str, name: str, host: str) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=True)
        try:
            async with self._session.get(
                url, headers={"Accept": _MANIFEST}, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), max_redirects=3
            ) as response:
                if response.status == 404:
                    raise RegistryError(f"{host} has no {name}", missing=True)
                if response.status in (401, 403):
                    raise RegistryError(f"{host} does not show {name} to everybody")
                if response.status != 200:
                    raise RegistryError(f"{host} answered {response.status}")
                content = b""
                async for part in response.content.iter_chunked(65536):
                    content += part
                    if len(content) > MAX_MANIFEST_BYTES:
                        raise RegistryError(f"{host} answered something else than a manifest")
                return content
        except (aiohttp.ClientError, OSError):
            raise RegistryError(f"{host} cannot be reached", offline=True) from None


def read_manifest(content: bytes) -> Manifest:
    """The manifest of a registry's answer, or of Ollama's file. Raises :class:`RegistryError`."""
    try:
        told = as_object(json.loads(content))
    except ValueError:
        told = {}
    entries = as_objects(told.get("layers"))
    if not entries:
        raise RegistryError("the registry answered something else than a manifest")
    weights = [entry for entry in entries if entry.get("mediaType") in (*_MODEL_LAYERS, _ADAPTER)]
    largest = weights or [max(entries, key=_size)]
    layers = [layer for entry in (*entries, as_object(told.get("config"))) if (layer := _layer(entry))]
    return Manifest(
        hashlib.sha256(content).hexdigest(),
        tuple({layer.digest: layer for layer in layers}.values()),
        tuple(sorted(str(entry.get("digest")) for entry in largest)),
        sum(_size(entry) for entry in largest),
    )


def _layer(entry: JsonObject) -> PullLayer | None:
    digest = entry.get("digest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return None
    return PullLayer(digest, _size(entry), 0, LayerState.WAITING)


def _size(entry: JsonObject) -> int:
    return positive(entry.get("size")) or 0
