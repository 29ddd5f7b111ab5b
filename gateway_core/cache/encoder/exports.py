"""Where encoders exported to ONNX are kept: each whole or not at all, with its hashes, thrown away when damaged.

``<data folder>/encoder/<key>/`` has the graph, that of the first layers alone where somebody asks for them, the
tokenizer and ``manifest.json``; the key is made of the model's files and the versions of what exports, so that an
update makes another export.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, fields
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from gateway_core.cache.encoder.model_folder import ModelFolder, hash_of_file
from gateway_core.frozen import frozen

FOLDER = "encoder"
FORMAT = 2
GRAPH = "model.onnx"
SHALLOW_GRAPH = "shallow.onnx"
TOKENIZER = "tokenizer.json"
MANIFEST = "manifest.json"
RETRY_AFTER_S = 86_400.0
_MAKERS = ("torch", "transformers", "sentence-transformers", "onnxscript")
_NEEDED = ("onnxruntime", "tokenizers", "onnx", "onnxscript")


@frozen
class Manifest:
    """What an export is. ``source`` is the model's folder; the hashes are SHA-256 in hex digits,
    ``shallow_sha256`` empty where there is no such graph."""

    format: int
    source: str
    graph_sha256: str
    shallow_sha256: str
    tokenizer_sha256: str
    dimensions: int
    window_tokens: int
    prompt: str


@frozen
class Exports:
    """The exports of one model in ``root``."""

    root: Path
    model: ModelFolder

    @property
    def folder(self) -> Path:
        made_of = [str(FORMAT), self.model.contents, *(f"{name}={_version(name)}" for name in _MAKERS)]
        return self.root / sha256("\n".join(made_of).encode()).hexdigest()[:32]

    @property
    def _tried(self) -> Path:
        return self.folder.with_suffix(".tried")

    def find(self) -> Manifest | None:
        """The manifest of a sound export; a damaged or foreign one is thrown away. None when there is none."""
        folder = self.folder
        if not folder.exists():
            return None
        try:
            manifest = _read(folder / MANIFEST)
            sound = (
                manifest.format == FORMAT
                and manifest.graph_sha256 == hash_of_file(folder / GRAPH)
                and manifest.shallow_sha256 == _hash_if_there(folder / SHALLOW_GRAPH)
                and manifest.tokenizer_sha256 == hash_of_file(folder / TOKENIZER)
            )
        except (OSError, ValueError, TypeError):
            sound = False
        if sound:
            return manifest
        self.discard()
        return None

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_due(self) -> bool:
        """Whether an export should be made: it is missing, can be made, and has not just failed."""
        if self.folder.exists() or any(find_spec(name) is None for name in _NEEDED):
            return False
        try:
            return time.time() - self._tried.stat().st_mtime > RETRY_AFTER_S
        except OSError:
            return True

    def begin(self) -> Path:
        """A new folder to export into. Until :meth:`keep` or :meth:`forget` the attempt counts as one that failed."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self.folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        self.note("It ended while it was made.")
        return part

    def note(self, why: str) -> None:
        """Says why the attempt failed, for a person who looks."""
        self._tried.write_text(why, encoding="utf-8")

    def forget(self) -> None:
        """The attempt was given up for no fault of its own."""
        shutil.rmtree(self.folder.with_suffix(".part"), ignore_errors=True)
        self._tried.unlink(missing_ok=True)

    def keep(self, part: Path, dimensions: int, window_tokens: int, prompt: str) -> None:
        """Puts what is in ``part`` in its place at once, and throws away older exports of the model."""
        manifest = Manifest(
            format=FORMAT,
            source=str(self.model.path),
            graph_sha256=hash_of_file(part / GRAPH),
            shallow_sha256=_hash_if_there(part / SHALLOW_GRAPH),
            tokenizer_sha256=hash_of_file(part / TOKENIZER),
            dimensions=dimensions,
            window_tokens=window_tokens,
            prompt=prompt,
        )
        (part / MANIFEST).write_bytes(orjson.dumps(asdict(manifest)))
        part.rename(self.folder)
        self._tried.unlink(missing_ok=True)
        for other in self.root.iterdir():
            if other != self.folder and other.is_dir() and _is_of(other, manifest.source):
                shutil.rmtree(other, ignore_errors=True)


def _hash_if_there(path: Path) -> str:
    return hash_of_file(path) if path.exists() else ""


def _is_of(folder: Path, source: str) -> bool:
    try:
        return _read(folder / MANIFEST).source == source
    except (OSError, ValueError, TypeError):
        return False


def _read(path: Path) -> Manifest:
    """Raises ``OSError``, ``ValueError`` or ``TypeError``."""
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    manifest = Manifest(**found)
    for field in fields(Manifest):
        if type(getattr(manifest, field.name)).__name__ != field.type:
            raise ValueError(f"{field.name} is no {field.type}")
    return manifest


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
