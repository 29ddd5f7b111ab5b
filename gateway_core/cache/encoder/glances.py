"""What a text is about, at a glance: vectors of the first layers, for the router, in the child process."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from gateway_core.cache.encoder.embedder import Encoder
from gateway_core.wire.embeddings import pack

Message = dict[str, Any]


class Glances:
    """Messages ``glance`` with ``texts``; a reply has ``vectors`` in base64, and nothing where there is no encoder for
    them. It is loaded for the first one."""

    def __init__(self, load: Callable[[], Encoder] | None = None) -> None:
        self._load = load
        self._encoder: Encoder | None = None

    def answer(self, message: Message) -> Message:
        """Blocks for 3 ms where the text is short, for 30 where it fills a window."""
        encoder = self._opened()
        if encoder is None:
            return {"id": message.get("id")}
        vectors = [b64encode(pack(vector)).decode() for vector in encoder.encode(message["texts"])]
        return {"id": message.get("id"), "vectors": vectors}

    def _opened(self) -> Encoder | None:
        if self._load is not None:
            load, self._load = self._load, None
            try:
                self._encoder = load()
            except Exception:  # onnxruntime tells damage by many types; the router does without
                self._encoder = None
        return self._encoder
