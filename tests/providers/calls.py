"""Calls as the pipeline makes them, and what comes of them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_core.model import ChatRequest, ClientView, JsonObject, Lane, Target, Tier
from gateway_core.providers.base import Piece, Provider, UpstreamCall, UpstreamError
from gateway_core.wire.openai_chat import Aggregator, text_of
from gateway_core.wire.tokens import measure

USER = {"role": "user", "content": "Say hello."}


def make_call(
    *messages: JsonObject,
    model: str = "fake-model",
    stream: bool = True,
    limit: int | None = None,
    free: bool = False,
    **more: Any,
) -> UpstreamCall:
    body = {"model": "gateway-auto", "messages": list(messages or [USER]), "stream": stream, **more}
    view = ClientView("test", None, Lane.INTERACTIVE, "", "", (), in_tool_loop=False)
    request = ChatRequest("req_1", 0.0, "caller", body, "gateway-auto", stream, view, measure(body))
    return UpstreamCall(request, Target(Tier.CHEAP, "fake", model, free=free), limit)


async def collect(provider: Provider, call: UpstreamCall) -> list[Piece]:
    return [piece async for batch in provider.send(call) for piece in batch]


async def text(provider: Provider, call: UpstreamCall) -> str:
    return "".join([text_of(piece.body) async for batch in provider.send(call) for piece in batch])


async def failure(provider: Provider, call: UpstreamCall) -> tuple[UpstreamError, list[Piece]]:
    """The error of a call that must fail, and what came before it."""
    pieces: list[Piece] = []
    with pytest.raises(UpstreamError) as failed:
        async for batch in provider.send(call):
            pieces += batch
    return failed.value, pieces


def whole(pieces: list[Piece]) -> JsonObject:
    """The completion that streamed pieces make."""
    aggregator = Aggregator()
    for piece in pieces:
        aggregator.add(piece.body)
    return aggregator.completion()
