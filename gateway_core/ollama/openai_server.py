"""Servers that list their models at `/v1/models`: LM Studio, llama.cpp, vLLM, LocalAI and others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import aiohttp

from gateway_core.model import JsonObject, LocalModel
from gateway_core.ollama.address import root_of
from gateway_core.ollama.client import OllamaClient, OllamaError
from gateway_core.wire.json_values import as_object, as_objects, positive


@dataclass(frozen=True, slots=True)
class Listed:
    """A model with the context a request has; ``loads_later`` marks one that the server loads when it is asked for."""

    model: LocalModel
    context_tokens: int | None
    loads_later: bool = False


class OpenAIServer:
    """Reads the list of models. ``base_url`` ends in ``/v1`` where the server has that."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, api_key: str | None) -> None:
        self._api = OllamaClient(session, base_url, api_key)
        self._root = OllamaClient(session, root_of(base_url), api_key)
        self._extra: str | None = None
        """What tells more about the models: ``lmstudio``, ``llamacpp`` or ``none``; None before the first look."""

    async def models(self) -> tuple[Listed, ...]:
        """The models; none where the server keeps no list. Raises :class:`OllamaError`."""
        try:
            answer = await self._api.call("GET", "/models")
        except OllamaError as error:
            if error.status in (401, 403):
                message = "the server asks for a key: set LOCAL_LLM_API_KEY"
                raise OllamaError(message, error.status) from None
            if error.status in (404, 405):
                return ()
            raise
        listed = [_listed(entry) for entry in as_objects(answer.get("data"))]
        return tuple(await self._with_contexts([entry for entry in listed if entry.model.name]))

    async def _with_contexts(self, listed: list[Listed]) -> list[Listed]:
        if self._extra in (None, "lmstudio") and (told := await self._ask("/api/v0/models")):
            data = told.get("data")
            if isinstance(data, list):
                self._extra = "lmstudio"
                about = {str(entry.get("id")): entry for entry in data if isinstance(entry, dict)}
                return [_from_lm_studio(entry, about.get(entry.model.name, {})) for entry in listed]
        if self._extra in (None, "llamacpp") and len(listed) == 1 and (told := await self._ask("/props")):
            context = positive(as_object(told.get("default_generation_settings")).get("n_ctx"))
            if context:
                self._extra = "llamacpp"
                only = listed[0]
                model = replace(only.model, loaded=True, context_length=context)
                return [Listed(model, context)]
        self._extra = self._extra or "none"
        return listed

    async def _ask(self, path: str) -> JsonObject:
        try:
            return await self._root.call("GET", path)
        except OllamaError:
            return {}


def _listed(entry: JsonObject) -> Listed:
    """vLLM tells ``max_model_len``, llama.cpp ``meta.n_ctx``; others tell nothing."""
    context = positive(entry.get("max_model_len")) or positive(as_object(entry.get("meta")).get("n_ctx"))
    name = entry.get("id")
    return Listed(
        LocalModel(name if isinstance(name, str) else "", loaded=bool(context), context_length=context), context
    )


def _from_lm_studio(listed: Listed, about: JsonObject) -> Listed:
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
    model = replace(
        listed.model,
        loaded=loaded,
        context_length=in_force or positive(about.get("max_context_length")),
        quantization=str(about.get("quantization") or ""),
        capabilities=capabilities,
    )
    return Listed(model, in_force, loads_later=not loaded)
