"""Exports a sentence-transformers model to ONNX in a process of its own: some 30 s of one core and 900 MB, once.

The child starts it when nobody asks anything. It gives way to everything else, and ends with its standard input.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway_core.cache.encoder.embedder import EncoderError
from gateway_core.cache.encoder.exports import FORMAT, GRAPH, SHALLOW_GRAPH, TOKENIZER, Exports, Manifest
from gateway_core.cache.encoder.model_folder import open_folder
from gateway_core.cache.encoder.onnx_encoder import OnnxEncoder
from gateway_core.cache.encoder.shallow import can_be_shallow
from gateway_core.cache.encoder.torch_encoder import TorchEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LOWEST_PRIORITY = 19
OPSET = 20
MOST_DIFFERENCE = 1e-4
"""Between the numbers of a vector by torch and by the export; 1e-6 was measured."""
PROBES = (
    "hi",
    "How do I undo the last 2 commits in git?",
    "Wie heißt die größte Stadt in Süddeutschland?",
    "日本の首都はどこですか 🙂",
    "def add(a, b):\n    return a + b",
    "",
    "one hundred words and then some more " * 20,
    "longer than what the model sees at once " * 300,
)


def export(exports: Exports) -> None:
    """Makes the export, checks it against torch and puts it in its place. Raises :class:`EncoderError`."""
    part = exports.begin()
    try:
        encoder = TorchEncoder(exports.model)
        _write_graph(encoder.model, part / GRAPH)
        _write_tokenizer(encoder.model, part / TOKENIZER)
        manifest = Manifest(
            FORMAT,
            "",
            "",
            "",
            "",
            dimensions=encoder.dimensions,
            window_tokens=encoder.window_tokens,
            prompt=encoder.prompt,
        )
        exported = OnnxEncoder(part, manifest, exports.model)
        _compare(encoder, exported)
        if can_be_shallow(encoder.fingerprint):
            shallow = encoder.shallow()
            _write_graph(shallow.model, part / SHALLOW_GRAPH)
            _compare(shallow, exported.shallow())
        exports.keep(part, encoder.dimensions, encoder.window_tokens, encoder.prompt)
    except Exception as error:  # what torch, ONNX and a model's own modules raise when they do not go together
        exports.note(f"{type(error).__name__}: {error}"[:2000])
        raise EncoderError(f"The encoder cannot be exported: {type(error).__name__}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_graph(model: SentenceTransformer, path: Path) -> None:
    """The whole model, pooling and all, for any number of texts of any length that it sees."""
    import torch

    features: dict[str, Any] = model.preprocess(["hello there my friend", "hi"])
    names = [name for name, value in features.items() if isinstance(value, torch.Tensor)]

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *values: torch.Tensor) -> torch.Tensor:
            vectors: torch.Tensor = self.model(dict(zip(names, values, strict=True)))["sentence_embedding"]
            return vectors

    batch = torch.export.Dim("batch", min=1, max=4096)
    length = torch.export.Dim("length", min=2, max=int(model.max_seq_length or 0))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Whole().eval(),
            tuple(features[name] for name in names),
            str(path),
            input_names=names,
            output_names=["sentence_embedding"],
            dynamic_shapes=(tuple({0: batch, 1: length} for _ in names),),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _write_tokenizer(model: SentenceTransformer, path: Path) -> None:
    from tokenizers import Tokenizer

    wrapped = model.tokenizer
    tokenizer = Tokenizer.from_str(wrapped.backend_tokenizer.to_str())
    tokenizer.enable_truncation(int(model.max_seq_length or 0))
    tokenizer.enable_padding(
        direction=wrapped.padding_side,
        pad_id=wrapped.pad_token_id,
        pad_type_id=wrapped.pad_token_type_id,
        pad_token=wrapped.pad_token,
    )
    tokenizer.save(str(path))


def _compare(torch_encoder: TorchEncoder, onnx_encoder: OnnxEncoder) -> None:
    """Raises :class:`EncoderError` when the two do not give the same vectors, alone and in a batch."""
    expected = torch_encoder.encode(PROBES)
    alone = [onnx_encoder.encode([text])[0] for text in PROBES]
    for found in (onnx_encoder.encode(PROBES), alone):
        for text, one, other in zip(PROBES, expected, found, strict=True):
            difference = max(abs(a - b) for a, b in zip(one, other, strict=True))
            if not difference < MOST_DIFFERENCE:
                raise EncoderError(f"its vector of {text[:40]!r} differs by {difference:.2g}")
    if torch_encoder.spans(PROBES) != onnx_encoder.spans(PROBES):
        raise EncoderError("its tokens differ")


def _end_with_input(exports: Exports) -> None:
    sys.stdin.buffer.read()
    with contextlib.suppress(OSError):
        exports.forget()
    os._exit(1)


def main() -> None:
    """``export.main SOURCE ROOT``: exit code 0 when the export is there."""
    os.umask(0o077)
    with contextlib.suppress(OSError):
        os.nice(LOWEST_PRIORITY)
    exports = Exports(Path(sys.argv[2]), open_folder(sys.argv[1]))
    threading.Thread(target=_end_with_input, args=(exports,), daemon=True).start()
    export(exports)
    os._exit(0)
