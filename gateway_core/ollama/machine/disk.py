"""Ollama's folder of models, where it is on this machine: which layers are there, and what deleting a model frees."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from gateway_core.frozen import frozen
from gateway_core.ollama.registry import Manifest, RegistryError, parse_name, read_manifest

_BLOB = re.compile(r"^FROM\s+(?P<folder>.*?)[\\/]blobs[\\/]sha256[-:](?P<hex>[0-9a-f]{64})\s*$", re.MULTILINE)
_ADAPTER = re.compile(r"^ADAPTER\s+(?P<folder>.*?)[\\/]blobs[\\/]sha256[-:](?P<hex>[0-9a-f]{64})\s*$", re.MULTILINE)


@frozen
class Sharing:
    """Other models with the same weights, and what deleting this one frees; None where nobody knows."""

    others: tuple[str, ...] = ()
    frees_bytes: int | None = None


def blobs_of(modelfile: str) -> tuple[tuple[str, ...], str]:
    """The digests of a model's weights, and Ollama's folder, of the Modelfile that ``/api/show`` gives (0.32.15).

    Both are empty where it names no blobs.
    """
    found = [*_BLOB.finditer(modelfile), *_ADAPTER.finditer(modelfile)]
    return tuple(sorted({f"sha256:{match['hex']}" for match in found})), found[0]["folder"] if found else ""


def models_folder(told: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where an Ollama of this machine keeps its models: as it says itself, else where it does as a rule.

    None where no such folder is there. Touches the disk.
    """
    usual = (
        told,
        environment.get("OLLAMA_MODELS", ""),
        str(Path("~/.ollama/models").expanduser()),
        "/usr/share/ollama/.ollama/models",
        "/var/lib/ollama/.ollama/models",
    )
    for place in usual:
        try:
            if place and Path(place).is_dir():
                return Path(place)
        except OSError:
            continue
    return None


def local_manifest(folder: Path, name: str) -> Manifest | None:
    """What a model consists of, as Ollama keeps it; None where the file cannot be read. Touches the disk."""
    try:
        parsed = parse_name(name)
        path = folder / "manifests" / parsed.host / parsed.namespace / parsed.model / parsed.tag
        return read_manifest(path.read_bytes())
    except (OSError, RegistryError):
        return None


def missing_bytes(folder: Path, manifest: Manifest) -> int:
    """What a pull still has to bring. Touches the disk."""
    return sum(layer.total_bytes for layer in manifest.layers if not _has(folder, layer.digest))


def freed_bytes(
    name: str, size_bytes: int, weights: Mapping[str, tuple[str, ...]], manifests: Mapping[str, Manifest]
) -> int | None:
    """What deleting a model frees: its layers that no other model has.

    Exactly where the ``manifests`` of all models are known; else by their ``weights``: all of the model, or nothing
    worth mentioning. None where a part of the weights is another model's, or nobody knows them.
    """
    if name in manifests and manifests.keys() >= weights.keys():
        others = {layer.digest for other, it in manifests.items() if other != name for layer in it.layers}
        return sum(layer.total_bytes for layer in manifests[name].layers if layer.digest not in others)
    own = set(weights.get(name, ()))
    if not own:
        return None
    shared = own & {digest for other, digests in weights.items() if other != name for digest in digests}
    if not shared:
        return size_bytes
    return 0 if shared == own else None


def sharers(name: str, weights: Mapping[str, tuple[str, ...]], digests: Mapping[str, str]) -> tuple[str, ...]:
    """Other models with the same weights, or the same contents altogether."""
    own, digest = set(weights.get(name, ())), digests.get(name)
    return tuple(
        other
        for other in digests
        if other != name and ((digest and digests[other] == digest) or own & set(weights.get(other, ())))
    )


def sharing_of(
    digests: Mapping[str, str],
    sizes: Mapping[str, int],
    weights: Mapping[str, tuple[str, ...]],
    manifests: Mapping[str, Manifest],
) -> dict[str, Sharing]:
    """Of every model, by name; ``digests`` are of their contents."""
    return {
        name: Sharing(sharers(name, weights, digests), freed_bytes(name, sizes[name], weights, manifests))
        for name in digests
    }


def read_manifests(folder: Path, names: Iterable[str]) -> dict[str, Manifest]:
    """Those that can be read. Touches the disk."""
    return {name: manifest for name in names if (manifest := local_manifest(folder, name))}


def _has(folder: Path, digest: str) -> bool:
    try:
        return (folder / "blobs" / digest.replace(":", "-")).exists()
    except OSError:
        return False
