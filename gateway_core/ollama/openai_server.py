"""Servers that list their models at `/v1/models`: LM Studio, LocalAI, vLLM, llama.cpp and others.

What each tells besides is from its documentation, 2026-11: LM Studio's `/api/v0/models` and `/api/v1/models`, LocalAI's
`/system` and `/version`, vLLM's `max_model_len` and `/version`, llama.cpp's `/props`, `meta` and `status`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import aiohttp

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject, LocalModel
from gateway_core.ollama.address import root_of
from gateway_core.ollama.client import OllamaClient, OllamaError
from gateway_core.ollama.lm_studio import MANAGES, LMStudio
from gateway_core.wire.json_values import as_object, as_objects, positive

LOOKS_BEFORE_OTHER = 3
"""So often a server is asked what it is: one that is busy may miss a question."""


@frozen
class Listed:
    """A model with the context a request has; ``loads_later`` marks one that the server loads when it is asked for."""

    model: LocalModel
    context_tokens: int | None
    loads_later: bool = False


@frozen
class Seen:
    """A server's models, and what it is. ``manages`` are abilities it has beyond answering."""

    models: tuple[Listed, ...]
    product: str = "other"
    version: str = ""
    manages: frozenset[str] = frozenset()


class OpenAIServer:
    """Reads the list of models. ``base_url`` ends in ``/v1`` where the server has that."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, api_key: str | None) -> None:
        self._api = OllamaClient(session, base_url, api_key)
        self._root = OllamaClient(session, root_of(base_url), api_key)
        self.lm_studio = LMStudio(self._root)
        self._product = ""
        """What it was recognised as; empty while nobody knows."""
        self._unrecognised = 0
        self._version: str | None = None

    async def look(self) -> Seen:
        """The server and its models; none where it keeps no list. Raises :class:`OllamaError`."""
        try:
            answer = await self._api.call("GET", "/models")
        except OllamaError as error:
            if error.status in (401, 403):
                message = "the server asks for a key: set LOCAL_LLM_API_KEY"
                raise OllamaError(message, error.status) from None
            if error.status in (404, 405):
                return Seen(())
            raise
        entries = [
            entry for entry in as_objects(answer.get("data")) if isinstance(entry.get("id"), str) and entry["id"]
        ]
        return await self._recognise(entries)

    async def is_local_ai(self) -> bool:
        """Whether it is LocalAI, which newer versions hide behind an API like Ollama's."""
        told = await self._ask("/system")
        return isinstance(told.get("loaded_models"), list) and isinstance(told.get("backends"), list)

    async def _recognise(self, entries: list[JsonObject]) -> Seen:
        ways: Mapping[str, Callable[[list[JsonObject]], Awaitable[Seen | None]]] = {
            "vllm": self._vllm,
            "llamacpp": self._llama_cpp,
            "lmstudio": self._lm_studio,
            "localai": self._local_ai,
        }
        if known := ways.get(self._product):
            return await known(entries) or Seen(_plain(entries), self._product, self._version or "")
        if self._unrecognised < LOOKS_BEFORE_OTHER:
            for product, way in ways.items():
                if seen := await way(entries):
                    self._product = product
                    return seen
            self._unrecognised += 1
        return Seen(_plain(entries))

    async def _vllm(self, entries: list[JsonObject]) -> Seen | None:
        if not any(entry.get("owned_by") == "vllm" for entry in entries):
            return None
        return Seen(_plain(entries), "vllm", await self._told_version("/version", "version"))

    async def _llama_cpp(self, entries: list[JsonObject]) -> Seen | None:
        listed = [_from_llama_cpp(entry) for entry in entries]
        marked = any(entry.get("owned_by") == "llamacpp" or "n_ctx_train" in _meta(entry) for entry in entries)
        if not marked and len(entries) != 1:
            return None
        props = await self._ask("/props")
        context = positive(as_object(props.get("default_generation_settings")).get("n_ctx"))
        if not marked and not context:
            return None
        if self._version is None:
            self._version = str(props.get("build_info") or "")
        if context and len(listed) == 1:
            model = replace(listed[0].model, loaded=True, context_length=context)
            if as_object(props.get("modalities")).get("vision") is True:
                model = replace(model, capabilities=("completion", "vision"))
            listed = [Listed(model, context)]
        return Seen(tuple(listed), "llamacpp", self._version)

    async def _lm_studio(self, entries: list[JsonObject]) -> Seen | None:
        data = (await self._ask("/api/v0/models")).get("data")
        if not isinstance(data, list):
            return None
        about = {str(entry.get("id")): entry for entry in as_objects(data)}
        try:
            more = {str(entry.get("key")): entry for entry in await self.lm_studio.models()}
        except OllamaError:
            more = {}
        models = [
            _from_lm_studio(listed, about.get(listed.model.name, {}), more.get(listed.model.name, {}))
            for listed in _plain(entries)
        ]
        return Seen(tuple(models), "lmstudio", manages=MANAGES if more else frozenset())

    async def _local_ai(self, entries: list[JsonObject]) -> Seen | None:
        system = await self._ask("/system")
        running = system.get("loaded_models")
        if not isinstance(running, list):
            return None
        loaded = {str(entry.get("id")): entry for entry in as_objects(running)}
        version = await self._told_version("/version", "version")
        return Seen(tuple(_from_local_ai(listed, loaded) for listed in _plain(entries)), "localai", version)

    async def _told_version(self, path: str, name: str) -> str:
        if self._version is None and (told := await self._ask(path)):
            self._version = str(told.get(name) or "")
        return self._version or ""

    async def _ask(self, path: str) -> JsonObject:
        try:
            return await self._root.call("GET", path)
        except OllamaError:
            return {}


def _plain(entries: list[JsonObject]) -> tuple[Listed, ...]:
    """What the list itself tells: vLLM ``max_model_len``, llama.cpp ``meta.n_ctx``, others nothing."""
    return tuple(
        _listed(entry, positive(entry.get("max_model_len")) or positive(_meta(entry).get("n_ctx"))) for entry in entries
    )


def _listed(entry: JsonObject, context: int | None) -> Listed:
    return Listed(LocalModel(entry["id"], loaded=bool(context), context_length=context), context)


def _meta(entry: JsonObject) -> JsonObject:
    return as_object(entry.get("meta"))


def _from_llama_cpp(entry: JsonObject) -> Listed:
    meta = _meta(entry)
    status = as_object(entry.get("status")).get("value")
    context = positive(meta.get("n_ctx"))
    loaded = status in ("loaded", "sleeping") if isinstance(status, str) else bool(context)
    parameters = positive(meta.get("n_params"))
    model = LocalModel(
        entry["id"],
        size_bytes=positive(meta.get("size")) or 0,
        loaded=loaded,
        context_length=context or positive(meta.get("n_ctx_train")),
        parameter_size=_billions(parameters) if parameters else "",
        trained_context=positive(meta.get("n_ctx_train")),
    )
    return Listed(model, context)


def _billions(parameters: int) -> str:
    return f"{parameters / 1e9:.1f}B" if parameters >= 1e9 else f"{parameters / 1e6:.0f}M"


def _from_lm_studio(listed: Listed, about: JsonObject, more: JsonObject) -> Listed:
    """``about`` is of REST API v0, ``more`` of v1, which has what v0 lacks: sizes."""
    loaded = about.get("state") == "loaded"
    in_force = positive(about.get("loaded_context_length"))
    told = about.get("capabilities")
    tools = ("tools",) if isinstance(told, list) and "tool_use" in told else ()
    kind = about.get("type")
    capabilities: tuple[str, ...] = ()
    if kind == "embeddings":
        capabilities = ("embedding",)
    elif kind in ("llm", "vlm") and isinstance(told, list):
        capabilities = ("completion", *tools, *(("vision",) if kind == "vlm" else ()))
    longest = positive(about.get("max_context_length"))
    model = replace(
        listed.model,
        size_bytes=positive(more.get("size_bytes")) or 0,
        loaded=loaded,
        context_length=in_force or longest,
        trained_context=longest,
        parameter_size=str(more.get("params_string") or ""),
        quantization=str(about.get("quantization") or ""),
        family=str(about.get("arch") or ""),
        capabilities=capabilities,
    )
    return Listed(model, in_force, loads_later=not loaded)


def _from_local_ai(listed: Listed, loaded: Mapping[str, JsonObject]) -> Listed:
    running = loaded.get(listed.model.name)
    if running is None:
        return listed
    main = positive(as_object(running.get("process")).get("rss_bytes")) or 0
    vram = positive(running.get("size_vram")) or 0
    return replace(listed, model=replace(listed.model, loaded=True, memory_bytes=main + vram, size_vram_bytes=vram))
