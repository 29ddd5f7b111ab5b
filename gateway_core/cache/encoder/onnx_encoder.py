"""An exported encoder on onnxruntime and tokenizers alone: a fraction of a second and 190 MB to load, and no torch.

sentence-transformers' own ONNX backend needs optimum-onnx, which needs transformers below 4.58 while
sentence-transformers 6 needs 5 (2026-11, optimum-onnx 0.1.0): the two cannot be installed together. The graph is the
whole sentence-transformers model, pooling included, in 32-bit floats. 8-bit integers were measured and left: they
changed a tenth of the neighbours, and a text's vector with the texts beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

from gateway_core.cache.encoder.embedder import LARGEST_BATCH, Vector
from gateway_core.cache.encoder.exports import GRAPH, SHALLOW_GRAPH, TOKENIZER, Manifest
from gateway_core.cache.encoder.model_folder import ModelFolder
from gateway_core.cache.encoder.shallow import shallow_fingerprint
from gateway_core.cache.encoder.windows import Spans

KIND = "onnx"


class OnnxEncoder:
    """What is in ``folder``, on one thread."""

    kind = KIND

    def __init__(self, folder: Path, manifest: Manifest, model: ModelFolder) -> None:
        from tokenizers import Tokenizer

        self._folder = folder
        self._session = _open(folder / GRAPH)
        self._inputs = {put.name for put in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._places = Tokenizer.from_file(str(folder / TOKENIZER))
        self._places.no_truncation()
        self._places.no_padding()
        self.name, self.fingerprint = model.name, model.fingerprint
        self.dimensions, self.window_tokens, self._prompt = (
            manifest.dimensions,
            manifest.window_tokens,
            manifest.prompt,
        )
        if len(self.encode(["warm up"])[0]) != self.dimensions:
            raise ValueError("another number of dimensions than its manifest says")

    def shallow(self) -> OnnxEncoder:
        """Its first layers, for texts of one window."""
        found = copy(self)
        found._session = _open(self._folder / SHALLOW_GRAPH)
        found.fingerprint = shallow_fingerprint(self.fingerprint)
        return found

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        rows: list[Vector] = []
        for start in range(0, len(texts), LARGEST_BATCH):
            rows += self._encode(texts[start : start + LARGEST_BATCH])
        return rows

    def _encode(self, texts: Sequence[str]) -> list[Vector]:
        import numpy

        found = self._tokenizer.encode_batch([f"{self._prompt}{text}" for text in texts])
        fed = {
            "input_ids": numpy.array([one.ids for one in found], numpy.int64),
            "attention_mask": numpy.array([one.attention_mask for one in found], numpy.int64),
            "token_type_ids": numpy.array([one.type_ids for one in found], numpy.int64),
        }
        (vectors,) = self._session.run(None, {name: fed[name] for name in self._inputs})
        lengths = numpy.linalg.norm(vectors, axis=1, keepdims=True)
        rows: list[Vector] = (vectors / numpy.maximum(lengths, 1e-12)).tolist()
        return rows

    def spans(self, texts: Sequence[str]) -> list[Spans]:
        return [found.offsets for found in self._places.encode_batch(list(texts), add_special_tokens=False)]


def _open(graph: Path) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
