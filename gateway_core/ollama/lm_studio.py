"""LM Studio's own REST API v1 (0.4.0 and later): loading and unloading (its documentation, 2026-11)."""

from __future__ import annotations

from gateway_core.model import JsonObject
from gateway_core.ollama.client import LOAD_TIMEOUT_S, OllamaClient
from gateway_core.wire.json_values import as_objects

MANAGES = frozenset({"load", "unload", "num_ctx"})


class LMStudio:
    """Calls one LM Studio; ``client`` speaks JSON to its root. Raises :class:`OllamaError` as that does."""

    def __init__(self, client: OllamaClient) -> None:
        self._client = client

    async def models(self) -> list[JsonObject]:
        """Its models, each with ``key``, ``size_bytes``, ``params_string`` and ``loaded_instances``."""
        return as_objects((await self._client.call("GET", "/api/v1/models")).get("models"))

    async def load(self, model: str, num_ctx: int | None = None) -> None:
        """Loads a model and waits for it; one with another context than it has is loaded anew."""
        if num_ctx is not None:
            await self.unload(model)
        body: JsonObject = {"model": model, **({"config": {"context_length": num_ctx}} if num_ctx else {})}
        await self._client.call("POST", "/api/v1/models/load", body, LOAD_TIMEOUT_S)

    async def unload(self, model: str) -> None:
        """Unloads every instance of a model."""
        for entry in await self.models():
            if entry.get("key") == model:
                for instance in as_objects(entry.get("loaded_instances")):
                    await self._client.call("POST", "/api/v1/models/unload", {"instance_id": instance.get("id")})
