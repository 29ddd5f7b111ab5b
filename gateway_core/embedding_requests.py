"""What an embeddings request is to the rooms that know chat requests, and its answer to the store that keeps those."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace

from gateway_core.cache.answers import CachedAnswer
from gateway_core.clients import read_client
from gateway_core.clock import new_request_id
from gateway_core.exchange import Exchange
from gateway_core.frozen import frozen
from gateway_core.model import (
    ApiKind,
    CacheStatus,
    ChatRequest,
    Counted,
    JsonObject,
    Lane,
    Reason,
    RequestSize,
    Target,
    Usage,
)
from gateway_core.providers.embeddings import upstream_body
from gateway_core.reuse import note_reuse, stored_answer
from gateway_core.store.answers import StoredAnswer
from gateway_core.wire.embeddings import Embedded, EmbeddingsRequest
from gateway_core.wire.tokens import text_ceiling, text_tokens

_AROUND_TOKENS = 256
"""Start, end and instruction that a model puts around a text. Chosen."""


@frozen
class EmbeddingsAnswer:
    """The vectors and what they cost."""

    target: Target
    route: str
    embedded: Embedded
    usage: Usage
    cost_microusd: int
    cache: CacheStatus = CacheStatus.BYPASS
    """``EXACT`` where it was given before, under the same key."""


def as_request(
    asked: EmbeddingsRequest, headers: Mapping[str, str], caller: str, body_bytes: int, key: str | None = None
) -> ChatRequest:
    """The request as the log and the panes know requests: each text is a message, and nobody waits for an answer.

    ``key`` is its idempotency key.
    """
    body: JsonObject = {
        "model": asked.model,
        "messages": [{"role": "user", "content": text} for text in asked.texts],
    }
    many = len(asked.texts) > 1
    view = replace(
        read_client({**body, "messages": body["messages"][:1]}, headers),
        lane=Lane.BACKGROUND,
        purpose="embedding",
        user_text=f"{len(asked.texts)} texts: {asked.texts[0]}" if many else asked.texts[0],
    )
    size = RequestSize(
        input_tokens=sum(map(text_tokens, asked.texts)),
        input_tokens_ceiling=sum(map(text_ceiling, asked.texts)),
        max_output_tokens=None,
        tools=0,
        images=0,
        wants_json=False,
        body_bytes=body_bytes,
    )
    api, native = ApiKind.EMBEDDINGS, upstream_body(asked)
    return ChatRequest(
        new_request_id(),
        time.time(),
        caller,
        body,
        asked.model,
        False,
        view,
        size,
        idempotency_key=key,
        api=api,
        native=native,
    )


def as_stored(exchange: Exchange, embedded: Embedded) -> StoredAnswer:
    """The answer as its idempotency key keeps it."""
    vectors = [b64encode(vector).decode() for vector in embedded.vectors] if exchange.request.idempotency_key else []
    return stored_answer(
        exchange, {"vectors": vectors, "prompt_tokens": embedded.prompt_tokens, "windowed": embedded.windowed}
    )


def again(exchange: Exchange, given: CachedAnswer) -> EmbeddingsAnswer:
    """What was answered before, for nothing."""
    kept, usage = given.answer.completion, given.answer.usage
    embedded = Embedded(tuple(map(b64decode, kept["vectors"])), kept["prompt_tokens"], kept["windowed"])
    target = note_reuse(exchange, given)
    return EmbeddingsAnswer(target, exchange.route, embedded, usage, 0, exchange.cache)


def usage_of(embedded: Embedded, otherwise: Usage) -> Usage:
    """What the server counted, else our own number."""
    return otherwise if embedded.prompt_tokens is None else Usage(input_tokens=embedded.prompt_tokens)


def believed(exchange: Exchange, target: Target, usage: Usage) -> Usage:
    """As much of a report as can be true, remarked where that is not all: no tokenizer makes more tokens of a text than
    it has bytes, and what models put around each is short."""
    texts = [str(message["content"]) for message in exchange.request.body["messages"]]
    most = sum(len(text.encode("utf-8", "surrogatepass")) + _AROUND_TOKENS for text in texts)
    if usage.input_tokens <= most:
        return usage
    said = f"{target.provider} reported {usage.input_tokens:,} tokens for texts that have {most:,} at most"
    exchange.remarks.append(Reason("usage", f"{said}: charged as these. Compare it with the provider's own bill."))
    return replace(usage, input_tokens=most)


def uncounted(tokens: int, how: Counted) -> Usage:
    """Our own number."""
    return Usage(input_tokens=tokens, estimated=True, input_counted=how)


def bucket_of(request: ChatRequest) -> str:
    """Embeddings have a rate limit of their own: who indexes a folder of notes can still chat."""
    return f"{request.caller}/embeddings"
