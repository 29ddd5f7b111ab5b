"""A fake Anthropic API that keeps the real one's rules.

Its prompt cache is accounted as the real one's; ``now`` is the clock its lifetimes go by. In a test::

    async with FakeAnthropic() as fake:
        fake.script(Reply(text="Hi"), Failure(529, type="overloaded_error"))
        ...                      # an SDK or a gateway with base_url=fake.base_url, api_key=fake.key
        assert fake.requests[0]["model"] == "claude-sonnet-5-5"

As a process, which prints its base URL: ``python -m tests.fakes.anthropic --port 0``. Then `/fake/stats`,
`/fake/requests` and `/fake/script` are its remote control.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from gateway_core.demo.prompt_cache import Lookup, PromptCache
from tests.fakes import anthropic_oauth, anthropic_rules
from tests.fakes.script import Failure, Fake, JsonObject, Raw, Reply, pieces, serve, tokens

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
MODELS = ("claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-5-5", "claude-haiku-4-5")


class FakeAnthropic(Fake):
    """`POST /v1/messages` (streamed and not), `/v1/messages/count_tokens` and `GET /v1/models`."""

    def __init__(
        self,
        *,
        key: str = "sk-ant-fake-0123456789",
        default: Reply | None = None,
        port: int = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(default=default, port=port)
        self.key = key
        self.usages: list[JsonObject] = []
        """What was reported of each answer."""
        self._cache = PromptCache(tokens, anthropic_rules.cacheable_from, now)
        self._numbers = itertools.count(1)

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_post("/v1/messages/count_tokens", self._count)
        app.router.add_get("/v1/models", self._models)

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        body = await self.receive(request)
        refused = self._refuse(request, body)
        if refused:
            return refused
        self.calls += 1
        step = await self.next_step()
        if isinstance(step, Raw):
            return await self.raw(request, step)
        if isinstance(step, Failure):
            return _error(step.status, step.message, step.type, step.headers)
        found = self._cache.look_up(body)
        message = self._message(body, step, found)
        self._cache.begin(found)
        if not body.get("stream"):
            return web.json_response(message)
        events = [_sse(event) for event in events_of(message)]
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        return await self.stream(request, step, events, _sse(error))

    def _refuse(self, request: web.Request, body: JsonObject) -> web.Response | None:
        if refused := self._auth(request):
            return refused
        if unopened := anthropic_oauth.refusal(self.key, request.headers, body):
            self.rejected.append(unopened[1])
            return _error(*unopened)
        try:
            anthropic_rules.check(body, request.headers.get("anthropic-beta", "").split(","))
        except anthropic_rules.Broken as broken:
            self.rejected.append(str(broken))
            return _error(400, str(broken))
        return None

    def _auth(self, request: web.Request) -> web.Response | None:
        sent = request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if sent != self.key:
            return _error(401, "invalid x-api-key")
        if unopened := anthropic_oauth.refusal(self.key, request.headers, None):
            self.rejected.append(unopened[1])
            return _error(*unopened)
        if request.headers.get("anthropic-version") not in anthropic_rules.VERSIONS:
            self.rejected.append("anthropic-version")
            return _error(400, "anthropic-version: header is required")
        if request.method == "POST" and request.content_type != "application/json":
            self.rejected.append("content-type")
            return _error(415, "content-type must be application/json")
        return None

    def _message(self, body: JsonObject, reply: Reply, found: Lookup) -> JsonObject:
        number = next(self._numbers)
        content: list[JsonObject] = []
        if reply.reasoning:
            content.append({"type": "thinking", "thinking": reply.reasoning, "signature": f"sig{number}"})
        if reply.text:
            content.append({"type": "text", "text": reply.text})
        for index, (name, arguments) in enumerate(reply.tools):
            content.append({"type": "tool_use", "id": f"toolu_{number}_{index}", "name": name, "input": arguments})
        usage: JsonObject = {
            **found.usage,
            "output_tokens": tokens(content),
            "service_tier": "standard",
            **reply.usage,
        }
        usage = {name: value for name, value in usage.items() if value is not None}
        counts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        self.input_tokens += sum(usage.get(name) or 0 for name in counts)
        self.usages.append(usage)
        self.output_tokens += usage.get("output_tokens") or 0
        return {
            "id": f"msg_fake{number:04}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": content,
            "stop_reason": reply.stop or ("tool_use" if reply.tools else "end_turn"),
            "stop_sequence": None,
            "stop_details": None,
            "usage": usage,
        }

    async def _count(self, request: web.Request) -> web.Response:
        body = await self.receive(request)
        if refused := self._refuse(request, {**body, "max_tokens": 1}):
            return refused
        return web.json_response({"input_tokens": self._cache.count(body)})

    async def _models(self, request: web.Request) -> web.Response:
        if refused := self._auth(request):
            return refused
        data = [{"type": "model", "id": model, "display_name": model} for model in MODELS]
        return web.json_response({"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})


def events_of(message: JsonObject) -> list[JsonObject]:
    """The stream of a message, event by event."""
    start = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    events: list[JsonObject] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(message["content"]):
        opened, deltas = _deltas(block)
        events.append({"type": "content_block_start", "index": index, "content_block": opened})
        if index == 0:
            events.append({"type": "ping"})
        events.extend({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        events.append({"type": "content_block_stop", "index": index})
    names = ("stop_reason", "stop_sequence", "stop_details")
    ended = {name: message.get(name) for name in names}
    counts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    usage = {name: message["usage"][name] for name in counts if name in message["usage"]}
    events.append({"type": "message_delta", "delta": ended, "usage": usage})
    events.append({"type": "message_stop"})
    return events


def _deltas(block: JsonObject) -> tuple[JsonObject, list[JsonObject]]:
    """How a block opens, and what follows."""
    if block["type"] == "text":
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    if block["type"] == "thinking":
        thoughts: list[JsonObject] = [
            {"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])
        ]
        signature = {"type": "signature_delta", "signature": block["signature"]}
        return {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signature]
    text = json.dumps(block.get("input")) if block.get("input") else ""
    cut = [text[start : start + 7] for start in range(0, len(text), 7)]
    if block["type"] != "tool_use":
        return block, []
    return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *cut]]


def _sse(event: JsonObject) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _error(status: int, message: str, kind: str | None = None, headers: dict[str, str] | None = None) -> web.Response:
    error: dict[str, Any] = {"type": kind or _TYPES.get(status, "api_error"), "message": message}
    body = {"type": "error", "error": error, "request_id": "req_fake"}
    return web.json_response(body, status=status, headers=headers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="sk-ant-fake-0123456789")
    parser.add_argument("--text", default=Reply.text, help="what every answer says")
    parser.add_argument("--between", type=float, default=0.0, help="seconds between two events")
    options = parser.parse_args()
    default = Reply(text=options.text, between_s=options.between)
    asyncio.run(serve(FakeAnthropic(key=options.key, port=options.port, default=default)))


if __name__ == "__main__":
    main()
