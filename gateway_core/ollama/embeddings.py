"""Embeddings of the local server: Ollama's ``/api/embed``, or ``/v1/embeddings`` of another server."""

from __future__ import annotations

import asyncio
import re

import aiohttp

from gateway_core.model import JsonObject, LocalModel, Refusal, Refused
from gateway_core.ollama.address import root_of
from gateway_core.ollama.choice import find
from gateway_core.ollama.client import OllamaClient, OllamaError
from gateway_core.ollama.manager import Endpoint, LocalModels
from gateway_core.settings import Settings
from gateway_core.wire import errors
from gateway_core.wire.embeddings import Embedded, EmbeddingsRequest, read_answer, read_vectors
from gateway_core.wire.usage import count

LOCAL_NAMES = ("local", "ollama")
"""What stands before a local model's name; the first is the provider's in the log."""
BATCH = 32
"""Texts of one call: what is cancelled or killed stops after so many."""
FIRST_LOOK_S = 1.0
_TOO_LONG = re.compile(r"(?i)context.{0,3}(?:length|size|window)|too large to process|physical batch size")
"""Ollama 0.12 and later, and llama.cpp's server. The status is 400 or 500, by version."""


def can_embed(model: LocalModel) -> bool:
    return "embedding" in model.capabilities


class LocalEmbeddings:
    """Embeds with a model of the local server."""

    def __init__(self, models: LocalModels, settings: Settings) -> None:
        self._models = models
        self._session: aiohttp.ClientSession | None = None
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Takes up settings, for calls not yet made."""
        self._is_enabled = settings.local_llm_enabled
        self._timeout_s = settings.local_first_byte_s  # a model may have to be loaded first

    def names(self) -> tuple[str, ...]:
        """The models that are known to embed, as ``ollama/NAME``, or ``local/NAME`` where the server is another."""
        server = self._models.server
        kind = "ollama" if server.kind == "ollama" else "local"
        return tuple(f"{kind}/{model.name}" for model in server.models if can_embed(model))

    async def resolve(self, name: str) -> str | Refusal:
        """The model's full name on the server, or why it cannot embed."""
        if not self._is_enabled:
            return errors.no_provider("LOCAL_LLM_ENABLED is off: use gateway-embed, which is built in.")
        await self._models.settled(FIRST_LOOK_S)
        server, endpoint = self._models.server, self._models.endpoint()
        if endpoint is None or endpoint[2] == "builtin":
            where = f"Nothing answers at {server.base_url}"
            return errors.no_provider(f"{where}: start Ollama, or use gateway-embed, which is built in.")
        found = find(server.models, name)
        if found is None and server.models:
            return errors.model_not_found(name, self._hint(f"Pull it first (`ollama pull {name}`)."))
        if found and found.capabilities and not can_embed(found):
            return errors.invalid_request(f"model: {found.name} cannot embed. {self._hint()}", "model")
        return found.name if found else name

    def _hint(self, otherwise: str = "") -> str:
        names = ", ".join(self.names())
        return f"{otherwise} Embedding models there: {names or 'none'}.".strip()

    async def embed(self, model: str, request: EmbeddingsRequest) -> Embedded:
        """A vector for each text. ``model`` is a name that :meth:`resolve` gave. Raises :class:`Refused`."""
        with self._models.in_use(model) as endpoint:
            if endpoint is None:
                raise Refused(errors.no_provider("The local server is gone: start it again."))
            return await self._embed(endpoint, model, request)

    async def _embed(self, endpoint: Endpoint, model: str, request: EmbeddingsRequest) -> Embedded:
        vectors: list[bytes] = []
        tokens: int | None = 0
        for start in range(0, len(request.texts), BATCH):
            part = await self._call(endpoint, model, list(request.texts[start : start + BATCH]), request)
            vectors += part.vectors
            tokens = None if tokens is None or part.prompt_tokens is None else tokens + part.prompt_tokens
        if len({len(vector) for vector in vectors}) > 1:
            raise Refused(_unreadable())
        got = len(vectors[0]) // 4
        if request.dimensions not in (None, got):
            message = f"dimensions: {model} gives {got} and not {request.dimensions}: leave it out"
            raise Refused(errors.invalid_request(message, "dimensions"))
        return Embedded(tuple(vectors), tokens)

    async def _call(self, endpoint: Endpoint, model: str, texts: list[str], request: EmbeddingsRequest) -> Embedded:
        base_url, key, kind = endpoint
        if self._session is None:
            self._session = aiohttp.ClientSession()
        body: JsonObject = {"model": model, "input": texts}
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        try:
            if kind == "ollama":
                client = OllamaClient(self._session, root_of(base_url), key)
                answer = await client.call("POST", "/api/embed", {**body, "truncate": False}, self._timeout_s)
            else:
                client = OllamaClient(self._session, base_url, key)
                body = {**request.extras, **body, "encoding_format": "float"}
                answer = await client.call("POST", "/embeddings", body, self._timeout_s)
        except OllamaError as error:
            raise Refused(_refusal(error, model)) from None
        read = _read_ollama if kind == "ollama" else read_answer
        embedded = await asyncio.to_thread(read, answer, len(texts))
        if embedded is None:
            raise Refused(_unreadable())
        return embedded

    async def close(self) -> None:
        if self._session:
            await self._session.close()


def _read_ollama(answer: JsonObject, expected: int) -> Embedded | None:
    vectors = read_vectors(answer.get("embeddings"), expected)
    return None if vectors is None else Embedded(vectors, count(answer.get("prompt_eval_count")) or None)


def _unreadable() -> Refusal:
    return errors.upstream_error("local", "The local server sent no vector for each text.")


def _refusal(error: OllamaError, model: str) -> Refusal:
    """What the caller is told. The server's 401 and 403 are the gateway's to mend."""
    if _TOO_LONG.search(error.message):
        text = f"A text is longer than {model} takes ({error.message}). It was not cut: send shorter texts."
        return Refusal("context_length_exceeded", text, 400, param="input")
    if error.refused:
        return errors.no_provider("The local server does not answer: start it, or use gateway-embed.")
    if error.status == 404:
        return errors.model_not_found(model, f"Pull it first (`ollama pull {model}`).")
    if error.status in (400, 422):
        return errors.invalid_request(f"local: {error.message}")
    if error.status == 429:
        return Refusal("rate_limit_exceeded", f"local: {error.message}", 429)
    if error.status is None and "in time" in error.message:
        return errors.upstream_timeout("local", f"{model} did not answer in time.")
    return errors.upstream_error("local", f"{model} could not embed: {error.message}")
