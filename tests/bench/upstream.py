"""A provider that answers at once: OpenAI's chat completions and Anthropic's Messages API, whole or in events.

``python -m tests.bench.upstream`` prints its address. Each token's text holds the time at which it was written, on the
clock that all processes of a machine share, so that whoever reads it can tell how long it was on its way.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from tests.bench.http_bytes import LAST_CHUNK, Message, answer, chunk

ANSWER_TOKENS = 120
STAMP = b"@T%020d@ "
"""A token: nanoseconds of ``time.monotonic_ns``, with the same number of digits always."""
PACE, CALLS = b"/bench/pace", b"/bench/calls"
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_WORDS = ("the", "cache", "returns", "a", "stored", "answer", "when", "two", "prompts", "mean", "the", "same")
_OF_CHAT: dict[str, Any] = {"id": "chatcmpl-bench", "created": 1_795_000_000, "model": "bench"}


@dataclass
class Pace:
    """How many tokens a stream has, and the seconds between two of them; all at once where that is 0."""

    tokens: int = 200
    gap_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Script:
    """An API's answers, ready to be sent: a whole one, and a stream's beginning, token and end."""

    whole: bytes
    begin: bytes
    token: bytes
    """With :data:`STAMP` for its text."""
    end: bytes


def _text() -> str:
    return " ".join(_WORDS[number % len(_WORDS)] for number in range(ANSWER_TOKENS))


def _data(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"


def _named(event: dict[str, Any]) -> bytes:
    return b"event: " + str(event["type"]).encode() + b"\n" + _data(event)


def _stamped(event: bytes) -> bytes:
    return chunk(event.replace(b"STAMP", STAMP % 0)).replace(STAMP % 0, STAMP)


def chat(tokens: int) -> Script:
    """As https://platform.openai.com/docs/api-reference/chat describes them (2026-11)."""
    usage = {"prompt_tokens": 42, "completion_tokens": ANSWER_TOKENS, "total_tokens": 42 + ANSWER_TOKENS}
    message = {"role": "assistant", "content": _text(), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {**_OF_CHAT, "object": "chat.completion", "choices": [choice], "usage": usage}
    part = {**_OF_CHAT, "object": "chat.completion.chunk"}

    def delta(fields: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": fields, "logprobs": None, "finish_reason": finish}
        return _data({**part, "choices": [choice]})

    streamed = {"prompt_tokens": 42, "completion_tokens": tokens, "total_tokens": 42 + tokens}
    ends = (delta({}, "stop"), _data({**part, "choices": [], "usage": streamed}), b"data: [DONE]\n\n")
    return Script(
        answer(json.dumps(body).encode()),
        _STREAM_HEAD + chunk(delta({"role": "assistant", "content": ""})),
        _stamped(delta({"content": "STAMP"})),
        b"".join(map(chunk, ends)) + LAST_CHUNK,
    )


def messages(tokens: int) -> Script:
    """As https://docs.anthropic.com/en/api/messages describes them (2026-11)."""
    message: dict[str, Any] = {"id": "msg_bench", "type": "message", "role": "assistant", "model": "bench"}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    content = [{"type": "text", "text": _text()}]
    body = {**message, "content": content, **ended, "usage": {"input_tokens": 42, "output_tokens": ANSWER_TOKENS}}
    open_yet = {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 42, "output_tokens": 1}}
    begins: tuple[dict[str, Any], ...] = (
        {"type": "message_start", "message": {**message, "content": [], **open_yet}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    )
    ends: tuple[dict[str, Any], ...] = (
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": tokens}},
        {"type": "message_stop"},
    )
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "STAMP"}}
    return Script(
        answer(json.dumps(body).encode()),
        _STREAM_HEAD + chunk(b"".join(map(_named, begins))),
        _stamped(_named(delta)),
        chunk(b"".join(map(_named, ends))) + LAST_CHUNK,
    )


class Provider:
    """What all connections share. ``calls`` counts the answers."""

    def __init__(self) -> None:
        self.calls = 0
        self.set_pace(Pace())

    def set_pace(self, pace: Pace) -> None:
        self.pace = pace
        self.scripts = {b"/chat/completions": chat(pace.tokens), b"/messages": messages(pace.tokens)}


class Connection(asyncio.Protocol):
    """Answers one request after the other."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._message = Message()
        self._body: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        while True:
            message = self._message
            self._body.append(message.feed(data))
            if not message.whole:
                return
            body = b"".join(self._body)
            self._message, self._body = Message(), []
            self._answer(message.head, body)
            if not message.rest:
                return
            data = message.rest

    def _answer(self, head: bytes, body: bytes) -> None:
        provider = self._provider
        path = head.split(b" ", 2)[1].partition(b"?")[0]
        for ending, script in provider.scripts.items():
            if path.endswith(ending):
                provider.calls += 1
                if b'"stream":true' in body or b'"stream": true' in body:
                    self._stream(script, provider.pace)
                else:
                    self._transport.write(script.whole)
                return
        self._transport.write(self._other(path, body))

    def _other(self, path: bytes, body: bytes) -> bytes:
        if path == PACE:
            self._provider.set_pace(Pace(**json.loads(body)))
            return answer(b"{}")
        if path == CALLS:
            return answer(json.dumps({"calls": self._provider.calls}).encode())
        if path.endswith(b"/models"):
            return answer(b'{"object":"list","data":[{"id":"bench","object":"model","created":0,"owned_by":"bench"}]}')
        return answer(b'{"error":{"message":"no such address"}}', "404 Not Found")

    def _stream(self, script: Script, pace: Pace) -> None:
        write = self._transport.write
        write(script.begin)
        if pace.gap_s:
            self._timed(script, pace, asyncio.get_running_loop().time(), 0)
            return
        for _ in range(pace.tokens):  # one write each, as a provider does
            write(script.token % time.monotonic_ns())
        write(script.end)

    def _timed(self, script: Script, pace: Pace, began: float, number: int) -> None:
        if number == pace.tokens:
            self._transport.write(script.end)
            return
        self._transport.write(script.token % time.monotonic_ns())
        due = began + (number + 1) * pace.gap_s
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(due, self._timed, script, pace, began, number + 1)


async def serve() -> None:
    """Prints its address, and serves until it is ended."""
    provider = Provider()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(provider), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
