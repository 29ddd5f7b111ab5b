"""Embeddings through a provider: the same seam, connections and limits as completions have."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from gateway_core.model import JsonObject
from gateway_core.providers.base import Piece, Provider, UpstreamCall, UpstreamError
from gateway_core.wire.embeddings import Embedded, EmbeddingsRequest, read_answer


def upstream_body(asked: EmbeddingsRequest) -> JsonObject:
    """What a provider is sent: OpenAI's own fields, and vectors asked for in base64, a quarter of the bytes."""
    body: JsonObject = {"input": list(asked.texts), "encoding_format": "base64"}
    if asked.dimensions is not None:
        body["dimensions"] = asked.dimensions
    if asked.user is not None:
        body["user"] = asked.user
    return body


async def embed(provider: Provider, call: UpstreamCall, expected: int) -> Embedded:
    """``expected`` vectors for a request whose ``native`` is :func:`upstream_body`. Raises ``UpstreamError``."""
    last = Piece({})
    async with aclosing(provider.send(call)) as batches:
        async for batch in batches:
            last = batch[-1]
    embedded = await asyncio.to_thread(read_answer, last.body, expected)
    if embedded is None:
        raise UpstreamError(f"{call.target.provider} sent no vector for each text.", kind="protocol")
    return embedded
