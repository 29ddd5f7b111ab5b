"""Opens the encoder that was chosen: exported, on torch, or Ollama's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway_core.cache.encoder.choice import OLLAMA, Choice
from gateway_core.cache.encoder.embedder import Encoder, TextEncoder, Windowed
from gateway_core.cache.encoder.exports import Exports
from gateway_core.cache.encoder.model_folder import open_folder
from gateway_core.cache.encoder.ollama_encoder import OllamaEncoder
from gateway_core.cache.encoder.onnx_encoder import OnnxEncoder
from gateway_core.cache.encoder.shallow import can_be_shallow
from gateway_core.cache.encoder.torch_encoder import TorchEncoder
from gateway_core.frozen import frozen


@frozen
class Opened:
    """An encoder for the semantic cache, the same for embeddings where it can be used for them, and what it is.

    ``due`` are the exports that are to be made for the next start; ``shallow`` loads the first layers of the built-in
    model, for texts of one window.
    """

    encoder: Encoder
    texts: TextEncoder | None
    name: str
    kind: str
    due: Exports | None = None
    shallow: Callable[[], Encoder] | None = None

    @property
    def facts(self) -> dict[str, str | int]:
        """What the gateway is told of it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "fingerprint": self.encoder.fingerprint,
            "dimensions": self.encoder.dimensions,
        }


def open_encoder(choice: Choice) -> Opened:
    """The encoder, loaded. Blocks for seconds. Raises :class:`~gateway_core.cache.encoder.embedder.EncoderError`."""
    if choice.source.startswith(OLLAMA):
        remote = OllamaEncoder(choice.source.removeprefix(OLLAMA), choice.ollama_url)
        return Opened(remote, None, remote.name, remote.kind)
    model = open_folder(choice.source)
    exports = Exports(choice.exports, model) if choice.exports else None
    local = _exported(exports) if exports else None
    due = exports if local is None and exports and exports.is_due() else None
    encoder = local or TorchEncoder(model)
    shallow = encoder.shallow if can_be_shallow(encoder.fingerprint) else None
    return Opened(Windowed(encoder), encoder, encoder.name, encoder.kind, due, shallow)


def open_shallow(exports: Path | None = None) -> Encoder:
    """The first layers of the built-in encoder, for texts of one window. Blocks for seconds, and raises
    :class:`~gateway_core.cache.encoder.embedder.EncoderError`."""
    opened = open_encoder(Choice(exports=exports))
    assert opened.shallow, "the built-in encoder can be shortened"
    return opened.shallow()


def _exported(exports: Exports) -> OnnxEncoder | None:
    """The exported encoder; None, and no export, when it cannot be used."""
    manifest = exports.find()
    if manifest is None:
        return None
    try:
        return OnnxEncoder(exports.folder, manifest, exports.model)
    except ImportError:
        return None
    except Exception:  # onnxruntime and tokenizers tell damage by many types
        exports.discard()
        return None
