"""OpenAI's embeddings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web

from gateway_core.embedding_requests import EmbeddingsAnswer, as_request
from gateway_core.gateway import Gateway
from gateway_core.http.bodies import json_object, read_body
from gateway_core.http.completions import answer_headers
from gateway_core.http.guards import CALLER
from gateway_core.http.incoming import ARRIVED, idempotency_key, received
from gateway_core.http.replies import refuse
from gateway_core.model import ApiKind, Refusal
from gateway_core.pipeline import Answer
from gateway_core.wire.embeddings import Vector, read_request, render_answer, render_vector

KEY = ("idempotency_key",)
"""The extra that embeddings have."""
_RENDERED_AT_ONCE = 64
"""Some 2 ms of the event loop."""


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The route of embeddings for ``gateway``."""

    async def create(request: web.Request) -> web.Response:
        request[ARRIVED] = time.monotonic()
        raw = await read_body(request, gateway.settings.max_body_bytes)
        if isinstance(raw, Refusal):
            return refuse(raw)
        body = json_object(raw)
        if isinstance(body, Refusal):
            return refuse(body)
        key = idempotency_key({name: body.pop(name) for name in KEY if name in body}, request)
        if isinstance(key, Refusal):
            return refuse(key)
        asked = read_request(body)
        if isinstance(asked, Refusal):
            return refuse(asked)
        noted = as_request(asked, request.headers, request[CALLER], len(raw), key)
        noted = replace(noted, received=received(request, ApiKind.EMBEDDINGS))
        answer = await gateway.embeddings.answer(noted, asked)
        if isinstance(answer, Refusal):
            return refuse(answer, {"x-llmgw-request-id": noted.id})
        vectors = await _render(answer.embedded.vectors, asked.as_base64)
        return web.Response(
            body=render_answer(answer.target.model, vectors, _usage(answer)),
            content_type="application/json",
            headers=_headers(noted.id, answer),
        )

    return [web.post("/v1/embeddings", create)]


async def _render(vectors: Sequence[Vector], as_base64: bool) -> list[bytes]:
    """The vectors as JSON, with a breath for everybody else now and then."""
    rendered: list[bytes] = []
    for start in range(0, len(vectors), _RENDERED_AT_ONCE):
        rendered += [render_vector(vector, as_base64) for vector in vectors[start : start + _RENDERED_AT_ONCE]]
        await asyncio.sleep(0)
    return rendered


def _usage(answer: EmbeddingsAnswer) -> dict[str, float]:
    tokens = answer.usage.prompt_tokens
    return {"prompt_tokens": tokens, "total_tokens": tokens, "cost": answer.cost_microusd / 1e6}


def _headers(request_id: str, answer: EmbeddingsAnswer) -> dict[str, str]:
    """Those of every answer, and how many texts became the mean of their windows."""
    target = answer.target
    served_by = "cache" if answer.cache.is_hit else target.tier
    headers = answer_headers(
        Answer(request_id, served_by, target.model, answer.cache, answer.route, answer.cost_microusd)
    )
    if answer.embedded.windowed:
        headers["x-llmgw-windowed-texts"] = str(answer.embedded.windowed)
    return headers
