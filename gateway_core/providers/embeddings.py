"""Embeddings of a provider that speaks OpenAI's API."""

from __future__ import annotations

import asyncio

from gateway_core.model import JsonObject
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.wire.embeddings import Embedded, EmbeddingsRequest, read_answer


async def embed(upstream: OpenAICompatible, model: str, request: EmbeddingsRequest) -> Embedded:
    """A vector for each text, asked for in base64, a quarter of the bytes. Raises ``UpstreamError``."""
    body: JsonObject = {"model": model, "input": list(request.texts), "encoding_format": "base64"}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.user is not None:
        body["user"] = request.user
    async with upstream.post("/embeddings", body) as answer:
        content = await answer.json()
    embedded = await asyncio.to_thread(read_answer, content, len(request.texts))
    if embedded is None:
        raise upstream.failures.protocol("sent no vector for each text")
    return embedded
