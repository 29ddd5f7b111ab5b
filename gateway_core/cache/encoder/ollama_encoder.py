"""An embedding model of the local Ollama as the semantic cache's encoder, over its native ``/api/embed``.

The child calls it itself, with the standard library and past every proxy: the gateway's loop has no part in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from hashlib import sha256
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from gateway_core.cache.encoder.embedder import EncoderError, Vector

KIND = "ollama"
LOAD_S = 240.0
"""The first call may have to load the model."""
CALL_S = 8.0
LOOK_S = 4.0
LARGEST_ANSWER = 16 * 1024 * 1024


class OllamaEncoder:
    """The model ``name`` at ``url``, the server's root. Its digest tells one model from another of the same name.

    Ollama adds what the model's own template wants before a text. Nothing is cut off: a text that is too long fails.
    """

    kind = KIND

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = url.rstrip("/")
        self._digest = look_up(name, self._url)
        self.fingerprint = sha256(f"{KIND}\n{self._digest}".encode()).hexdigest()
        self.dimensions = 0
        self.dimensions = len(self._embed(["warm up"], LOAD_S)[0])

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        """Raises :class:`EncoderError`; a fatal one when the name now means another model."""
        if not texts:
            return []
        if look_up(self.name, self._url) != self._digest:
            raise ModelChanged(f"Ollama's {self.name} is another model now")
        return self._embed(texts, CALL_S)

    def _embed(self, texts: Sequence[str], timeout_s: float) -> list[Vector]:
        body = {"model": self.name, "input": list(texts), "truncate": False}
        found = _call(self.name, f"{self._url}/api/embed", body, timeout_s).get("embeddings")
        if not isinstance(found, list) or len(found) != len(texts):
            raise EncoderError(f"Ollama sent no vector of {self.name} for each text.")
        vectors = [_unit(row) for row in found]
        if any(len(vector) != (self.dimensions or len(vectors[0])) for vector in vectors):
            raise ModelChanged(f"Ollama's {self.name} gives vectors of another length now")
        return vectors


class ModelChanged(RuntimeError):
    """The vectors from now on are not comparable with those before: the process has to start again."""


def look_up(name: str, url: str, timeout_s: float = LOOK_S) -> str:
    """The digest of the model ``name`` at ``url``, the server's root. Raises :class:`EncoderError`."""
    models = _call(name, f"{url}/api/tags", None, timeout_s).get("models")
    wanted = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    for model in models if isinstance(models, list) else ():
        if isinstance(model, dict) and model.get("name") == wanted and model.get("digest"):
            return str(model["digest"])
    raise _missing(name)


def _call(name: str, url: str, body: dict[str, Any] | None, timeout_s: float) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=timeout_s) as reply:
            answer = json.loads(reply.read(LARGEST_ANSWER))
    except HTTPError as error:
        raise _refused(name, error) from None
    except (OSError, HTTPException, ValueError) as error:
        said = "does not answer in time" if isinstance(error, TimeoutError) else "does not answer"
        where = url.rpartition("/api/")[0]
        raise EncoderError(f"Ollama at {where} {said}: start it.", is_passing=True) from None
    if not isinstance(answer, dict):
        raise EncoderError(f"What answers at {url} is not Ollama.")
    return answer


def _refused(name: str, error: HTTPError) -> EncoderError:
    try:
        said = str(json.loads(error.read(4096))["error"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        said = f"status {error.code}"
    if error.code == 404:
        return _missing(name)
    if error.code == 501 or "does not support embed" in said:
        return EncoderError(f"{name} cannot embed. Choose an embedding model: `ollama pull bge-m3`.")
    return EncoderError(f"Ollama could not embed with {name}: {said[:200]}")


def _missing(name: str) -> EncoderError:
    return EncoderError(f"Ollama has no model {name}: `ollama pull {name}`.", is_passing=True)


def _unit(row: object) -> Vector:
    """A vector of length 1. Raises :class:`EncoderError`."""
    try:
        numbers = [float(number) for number in row] if isinstance(row, list) else []
    except (TypeError, ValueError):
        numbers = []
    length = math.hypot(*numbers) if numbers else 0.0
    if not 0.0 < length < math.inf:
        raise EncoderError("Ollama sent something that is no vector.")
    return [number / length for number in numbers]
