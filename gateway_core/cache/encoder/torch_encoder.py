"""A sentence-transformers model on torch: 4 s and 500 MB to load, so only a child process does it.

It serves where nothing is exported yet, or cannot be. :mod:`gateway_core.cache.encoder.onnx_encoder` is the fast one.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING

from gateway_core.cache.encoder.embedder import LARGEST_BATCH, EncoderError, Vector
from gateway_core.cache.encoder.model_folder import WEIGHTS_SHA256, ModelFolder
from gateway_core.cache.encoder.shallow import shallow_fingerprint, shorten
from gateway_core.cache.encoder.windows import Spans

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

KIND = "torch"
DEFAULT_TOKENS = 512
"""The window of a model that does not tell its own."""
LARGEST_WINDOW = 8_192
SPARE_TOKENS = 2
"""A part of a text can have a token more than it had within the text (SentencePiece's space before it)."""


class TorchEncoder:
    """On one torch thread: a second one saves little time and doubles the CPU (measured)."""

    kind = KIND

    def __init__(self, folder: ModelFolder) -> None:
        import torch

        torch.set_num_threads(1)
        self.model = load(folder)
        self.name, self.fingerprint = folder.name, folder.fingerprint
        self.prompt = prompt_of(self.model)
        self.window_tokens = window_of(self.model, self.prompt, folder)
        self.dimensions = len(self.encode(["warm up"])[0])

    def shallow(self) -> TorchEncoder:
        """Its first layers, for texts of one window."""
        found = copy(self)
        found.model, found.fingerprint = shorten(self.model), shallow_fingerprint(self.fingerprint)
        return found

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        vectors = self.model.encode(
            list(texts),
            prompt=self.prompt,
            batch_size=LARGEST_BATCH,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        rows: list[Vector] = vectors.tolist()
        return rows

    def spans(self, texts: Sequence[str]) -> list[Spans]:
        options = {"add_special_tokens": False, "truncation": False, "verbose": False}
        found = self.model.tokenizer(list(texts), return_offsets_mapping=True, **options)
        spans: list[Spans] = found["offset_mapping"]
        return spans


def load(folder: ModelFolder) -> SentenceTransformer:
    """The model on the CPU, offline, without code of its own. Raises :class:`EncoderError`."""
    from sentence_transformers import SentenceTransformer

    try:
        model = SentenceTransformer(str(folder.path), device="cpu", local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever a broken folder makes it raise
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise EncoderError(f"The model in {folder.path} cannot be loaded: {why[0][:200]}") from None
    if not getattr(model.tokenizer, "is_fast", False):
        raise EncoderError(f"The model in {folder.path} has no fast tokenizer (tokenizer.json): use another one.")
    model.max_seq_length = min(model.max_seq_length or DEFAULT_TOKENS, LARGEST_WINDOW)
    return model


def prompt_of(model: SentenceTransformer) -> str:
    """What the model wants before a question: its prompt ``query``, else the one that it uses by default.

    Both sides of a look-up are questions, so both get it (sentence-transformers 6, ``prompts`` in
    config_sentence_transformers.json).
    """
    prompts = model.prompts or {}
    return prompts.get("query") or prompts.get(model.default_prompt_name or "") or ""


def window_of(model: SentenceTransformer, prompt: str, folder: ModelFolder) -> int:
    """How many tokens of a text the model sees. Raises :class:`EncoderError` when it sees hardly any."""
    around = len(model.tokenizer(prompt)["input_ids"])
    spare = 0 if folder.fingerprint == WEIGHTS_SHA256 else SPARE_TOKENS
    tokens = int(model.max_seq_length or DEFAULT_TOKENS) - around - spare
    if tokens < 16:
        raise EncoderError(f"The model in {folder.path} sees {tokens} tokens of a text only: use another one.")
    return tokens
