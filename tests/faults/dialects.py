"""The protocols that a faulty upstream speaks: one answer, an error before it and one in the middle, as bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.fakes import anthropic, ollama_chat, openai_responses
from tests.fakes.script import JsonObject, Reply, pieces, tokens

_BIG_CONTEXT = 1_000_000


@dataclass(frozen=True, slots=True)
class Dialect:
    """``events`` make the stream of a text, ``whole`` the one answer. Both take the request's body and what its usage
    shall say in place of the truth.

    ``first_word`` is the number of events before the first word, each word is an event of its own, ``last`` the number
    of events that tell of the end. ``failed`` is the event of an error in the middle, ``error`` the body of an error
    with a status.
    """

    name: str
    path: str
    stream_type: str
    first_word: int
    last: int
    events: Callable[[JsonObject, str, JsonObject], list[bytes]]
    whole: Callable[[JsonObject, str, JsonObject], JsonObject]
    failed: bytes
    error: Callable[[str], JsonObject]


def _plain(data: JsonObject) -> bytes:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _named(event: JsonObject) -> bytes:
    return f"event: {event['type']}\n".encode() + _plain(event)


def _openai_error(message: str) -> JsonObject:
    return {"error": {"message": message, "type": "server_error", "param": None, "code": None}}


def _completion(body: JsonObject, text: str, usage: JsonObject) -> JsonObject:
    prompt, written = tokens(body["messages"]), max(1, len(pieces(text)))
    counts = {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": body["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {**counts, **usage},
    }


def _chunks(body: JsonObject, text: str, usage: JsonObject) -> list[bytes]:
    whole = _completion(body, text, usage)
    head = {**{name: whole[name] for name in ("id", "created", "model")}, "object": "chat.completion.chunk"}
    deltas: list[JsonObject] = [{"role": "assistant", "content": ""}, *({"content": word} for word in pieces(text))]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append({**head, "choices": [], "usage": whole["usage"]})
    return [*map(_plain, chunks), b"data: [DONE]\n\n"]


def _message(body: JsonObject, text: str, usage: JsonObject) -> JsonObject:
    counts = {"input_tokens": tokens(body["messages"]), "output_tokens": max(1, len(pieces(text)))}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {**counts, **usage},
    }


def _response(body: JsonObject, text: str, usage: JsonObject) -> JsonObject:
    return openai_responses.response_of(body, Reply(text, usage=usage), 1)


def _lines(body: JsonObject, text: str, usage: JsonObject) -> list[JsonObject]:
    return ollama_chat.lines(
        {**body, "options": None}, Reply(text, usage=usage), tokens(body["messages"]), _BIG_CONTEXT
    )


CHAT = Dialect(
    "chat",
    "/v1/chat/completions",
    "text/event-stream",
    first_word=1,
    last=3,
    events=_chunks,
    whole=_completion,
    failed=_plain(_openai_error("The model stopped.")),
    error=_openai_error,
)
MESSAGES = Dialect(
    "messages",
    "/v1/messages",
    "text/event-stream",
    first_word=3,
    last=3,
    events=lambda body, text, usage: [_named(event) for event in anthropic.events_of(_message(body, text, usage))],
    whole=_message,
    failed=_named({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    error=lambda message: {"type": "error", "error": {"type": "api_error", "message": message}},
)
RESPONSES = Dialect(
    "responses",
    "/v1/responses",
    "text/event-stream",
    first_word=4,
    last=4,
    events=lambda body, text, usage: [
        _named(event) for event in openai_responses.events_of(_response(body, text, usage))
    ],
    whole=_response,
    failed=_named({"type": "error", "code": "server_error", "message": "The model stopped.", "param": None}),
    error=_openai_error,
)
OLLAMA = Dialect(
    "ollama",
    "/api/chat",
    "application/x-ndjson",
    first_word=0,
    last=1,
    events=lambda body, text, usage: ollama_chat.encode(_lines(body, text, usage)),
    whole=lambda body, text, usage: ollama_chat.whole(_lines(body, text, usage)),
    failed=json.dumps({"error": ollama_chat.KILLED}).encode() + b"\n",
    error=lambda message: {"error": message},
)
DIALECTS = {dialect.path: dialect for dialect in (CHAT, MESSAGES, RESPONSES, OLLAMA)}
