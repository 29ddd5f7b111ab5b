"""Ollama's native API (checked against recordings of 0.32.15), as typed calls."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import aiohttp

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject, LocalModel
from gateway_core.ollama.context import bytes_a_token
from gateway_core.ollama.machine.disk import blobs_of
from gateway_core.ollama.pulling.progress import PullLine
from gateway_core.wire.json_values import as_object, as_objects, positive

QUICK_TIMEOUT_S = 5.0
LOAD_TIMEOUT_S = 900.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_ERROR_CHARS = 300
PINNED_AFTER = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
"""``keep_alive: -1`` shows up as an expiry in the year 2319."""


class OllamaError(Exception):
    """Ollama refused or did not answer. ``status`` is None when there was no answer at all.

    ``refused`` says that nothing listens at the address.
    """

    def __init__(self, message: str, status: int | None = None, *, refused: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.refused = refused


@frozen
class ModelFacts:
    """What ``/api/show`` tells. ``num_ctx`` is the context that the model was made with, if any.

    ``bytes_a_token`` is the memory that a token of context takes. ``weights`` are the digests of its large files, which
    Ollama keeps in ``folder``; both are empty where it does not tell.
    """

    capabilities: tuple[str, ...]
    trained_context: int | None
    num_ctx: int | None
    bytes_a_token: int | None = None
    weights: tuple[str, ...] = ()
    folder: str = ""


class OllamaClient:
    """Calls one Ollama. ``base_url`` is its root, without ``/v1``. The session stays the caller's."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, api_key: str | None = None) -> None:
        self._session = session
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    async def version(self) -> str:
        """Its version; raises :class:`OllamaError` where another kind of server answers."""
        version = (await self.call("GET", "/api/version")).get("version")
        if not isinstance(version, str):
            raise OllamaError("/api/version did not answer as Ollama does", 200)
        return version

    async def tags(self) -> tuple[tuple[LocalModel, str], ...]:
        """The models on disk, each with its digest, newest first as Ollama lists them."""
        return tuple((_tagged(entry), str(entry.get("digest") or "")) for entry in await self._models("/api/tags"))

    async def ps(self) -> dict[str, LocalModel]:
        """The models in memory, by name, with the context they were loaded with and the memory they take in all."""
        loaded = (_running(entry) for entry in await self._models("/api/ps"))
        return {model.name: model for model in loaded}

    async def show(self, model: str) -> ModelFacts:
        """What a model can do. Raises :class:`OllamaError` with status 404 for one that is not there."""
        shown = await self.call("POST", "/api/show", {"model": model})
        facts = as_object(shown.get("model_info"))
        context = facts.get(f"{facts.get('general.architecture')}.context_length")
        weights, folder = blobs_of(str(shown.get("modelfile") or ""))
        return ModelFacts(
            _strings(shown.get("capabilities")),
            positive(context),
            _num_ctx(shown.get("parameters")),
            bytes_a_token(facts),
            weights,
            folder,
        )

    async def load(self, model: str, keep_alive: int | str | None = None, num_ctx: int | None = None) -> None:
        """Loads a model and waits until it is there. ``keep_alive`` in seconds or as a duration; -1 pins it, None is
        Ollama's default (5 min). A ``num_ctx`` other than the one in force loads it again."""
        body: JsonObject = {"model": model, "stream": False}
        if keep_alive is not None:
            body["keep_alive"] = keep_alive
        if num_ctx is not None:
            body["options"] = {"num_ctx": num_ctx}
        await self.call("POST", "/api/generate", body, timeout_s=LOAD_TIMEOUT_S)

    async def unload(self, model: str) -> None:
        """Unloads a model; one that is answering goes when it is done."""
        await self.call("POST", "/api/generate", {"model": model, "keep_alive": 0, "stream": False})

    async def delete(self, model: str) -> None:
        """Removes a model from the disk."""
        await self.call("DELETE", "/api/delete", {"model": model})

    async def pull(self, model: str) -> AsyncGenerator[PullLine]:
        """Downloads a model, line by line; the last line ``ends`` it, with ``error`` set when it failed.

        Bytes are of one blob at a time: Ollama tells no overall total, and errors come inside HTTP 200. Closing the
        generator cancels the download; a later pull resumes it. Ollama retries in silence: no news is no failure.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=QUICK_TIMEOUT_S)
        try:
            async with self._session.post(
                f"{self._base_url}/api/pull",
                json={"model": model},
                headers=self._headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise OllamaError(await _error_of(response), response.status)
                async for line in response.content:
                    if line.strip():
                        told = pull_line(line)
                        yield told
                        if told.ends:
                            return
            yield PullLine("failed", error="Ollama closed the connection before the end")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _no_answer(error) from None

    async def _models(self, path: str) -> list[JsonObject]:
        return as_objects((await self.call("GET", path)).get("models"))

    async def call(
        self, method: str, path: str, body: JsonObject | None = None, timeout_s: float = QUICK_TIMEOUT_S
    ) -> JsonObject:
        """The answer as an object, ``{}`` for an empty one. Raises :class:`OllamaError`."""
        try:
            async with self._session.request(
                method,
                f"{self._base_url}{path}",
                json=body,
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise OllamaError(await _error_of(response), response.status)
                content = await response.content.read(MAX_ANSWER_BYTES)
                while not response.content.at_eof() and len(content) < MAX_ANSWER_BYTES:
                    content += await response.content.read(MAX_ANSWER_BYTES - len(content))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _no_answer(error) from None
        return _object(content)


def pull_line(line: bytes) -> PullLine:
    """One line of a pull."""
    try:
        event = _object(line)
    except OllamaError as error:
        return PullLine("failed", error=error.message)
    if error_text := event.get("error"):
        return PullLine("failed", error=str(error_text)[:MAX_ERROR_CHARS])
    total = positive(event.get("total")) or 0
    completed = min(positive(event.get("completed")) or 0, total)
    digest = event.get("digest")
    return PullLine(str(event.get("status") or ""), digest if isinstance(digest, str) else None, completed, total)


def _object(content: bytes) -> JsonObject:
    if not content.strip():
        return {}
    try:
        value = json.loads(content)
    except ValueError:
        raise OllamaError("the answer is not JSON", 200) from None
    if not isinstance(value, dict):
        raise OllamaError("the answer is not a JSON object", 200)
    return value


async def _error_of(response: aiohttp.ClientResponse) -> str:
    try:
        error = _object(await response.content.read(65536)).get("error")
    except (TimeoutError, OllamaError, aiohttp.ClientError):
        error = None
    message = error.get("message") if isinstance(error, dict) else error
    return str(message)[:MAX_ERROR_CHARS] if message else f"HTTP {response.status}"


def _no_answer(error: Exception) -> OllamaError:
    if isinstance(error, TimeoutError):
        return OllamaError("no answer in time")
    if isinstance(error, aiohttp.ClientConnectorError):
        return OllamaError("nothing listens there", refused=True)
    return OllamaError("the connection broke")


def _tagged(entry: JsonObject) -> LocalModel:
    about = as_object(entry.get("details"))
    return LocalModel(
        name=str(entry.get("name") or entry.get("model") or ""),
        size_bytes=positive(entry.get("size")) or 0,
        context_length=positive(about.get("context_length")),
        parameter_size=str(about.get("parameter_size") or ""),
        quantization=str(about.get("quantization_level") or ""),
        capabilities=_strings(entry.get("capabilities")),
        family=str(about.get("family") or ""),
        modified_at=_moment(entry.get("modified_at")),
    )


def _running(entry: JsonObject) -> LocalModel:
    return LocalModel(
        name=str(entry.get("name") or ""),
        size_bytes=positive(entry.get("size")) or 0,
        loaded=True,
        size_vram_bytes=positive(entry.get("size_vram")) or 0,
        context_length=positive(entry.get("context_length")),
        expires_at=_expiry(entry.get("expires_at")),
    )


def _expiry(value: object) -> float | None:
    """Unix seconds; None for a model that is pinned, or an unreadable time."""
    moment = _moment(value)
    return None if moment is None or moment >= PINNED_AFTER else moment


def _moment(value: object) -> float | None:
    """Unix seconds of a time as Go writes it; None for one that cannot be read."""
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        return None


def _num_ctx(parameters: object) -> int | None:
    """``num_ctx`` of the text that ``/api/show`` gives as ``parameters``: one name and value a line."""
    for line in str(parameters or "").splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "num_ctx" and value.strip().isdigit():
            return int(value)
    return None


def _strings(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()
