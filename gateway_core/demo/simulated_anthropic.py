"""A simulated Anthropic: the Messages API, streamed and not, with a prompt cache that is accounted as the real one."""

from __future__ import annotations

import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator

from aiohttp import web

from gateway_core.demo.answers import answer_to
from gateway_core.demo.prompt_cache import Lookup, PromptCache
from gateway_core.demo.protocol import Pace, body_of, count_tokens, pieces, shortened, stream, text_of
from gateway_core.model import JsonObject
from gateway_core.wire.claude_models import cacheable_from

LABEL = "[simulated Claude]"
MODELS = ("claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-5-5")
FIRST_TOKEN_S = 0.8
TOKENS_PER_S = 55.0


class SimulatedAnthropic:
    """`POST /v1/messages`, `/v1/messages/count_tokens` and `GET /v1/models`."""

    def __init__(self, key: str, pace: Pace) -> None:
        self._key = key
        self._pace = pace
        self._cache = PromptCache(count_tokens, cacheable_from, time.monotonic)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_post("/v1/messages/count_tokens", self._count)
        app.router.add_get("/v1/models", self._models)
        return app

    def _refused(self, request: web.Request) -> web.Response | None:
        sent = request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(sent.encode(), self._key.encode()):
            return _error(401, "authentication_error", "invalid x-api-key")
        if "anthropic-version" not in request.headers:
            return _error(400, "invalid_request_error", "anthropic-version: header is required")
        return None

    async def _models(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        created = "2026-09-01T00:00:00Z"
        data = [{"type": "model", "id": name, "display_name": name, "created_at": created} for name in MODELS]
        return web.json_response({"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})

    async def _count(self, request: web.Request) -> web.Response:
        body = await self._read(request, needs_limit=False)
        if isinstance(body, web.Response):
            return body
        return web.json_response({"input_tokens": self._cache.count(body)})

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        body = await self._read(request, needs_limit=True)
        if isinstance(body, web.Response):
            return body
        found = self._cache.look_up(body)
        message = self._message(body, found)
        await self._pace.think(FIRST_TOKEN_S)
        self._cache.begin(found)
        if not body.get("stream"):
            return web.json_response(message)
        return await stream(request, self._events(message))

    async def _read(self, request: web.Request, *, needs_limit: bool) -> JsonObject | web.Response:
        if refused := self._refused(request):
            return refused
        body = await body_of(request)
        if body is None:
            return _error(400, "invalid_request_error", "The request body is not valid JSON")
        required = {"model": str, "messages": list, **({"max_tokens": int} if needs_limit else {})}
        for name, kind in required.items():
            if not isinstance(body.get(name), kind) or not body[name]:
                return _error(400, "invalid_request_error", f"{name}: Field required")
        return body

    def _message(self, body: JsonObject, found: Lookup) -> JsonObject:
        answer = answer_to(*_asked(body), LABEL)
        text, cut = shortened(answer.text, body["max_tokens"])
        content: list[JsonObject] = [{"type": "text", "text": text}]
        if answer.tool and not cut:
            name, arguments = answer.tool
            content.append(
                {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:20]}", "name": name, "input": arguments}
            )
        reason = "max_tokens" if cut else "tool_use" if len(content) > 1 else "end_turn"
        return {
            "id": f"msg_{uuid.uuid4().hex[:20]}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {
                **found.usage,
                "output_tokens": min(count_tokens(content), body["max_tokens"]),
                "service_tier": "standard",
            },
        }

    async def _events(self, message: JsonObject) -> AsyncIterator[bytes]:
        opening = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
        yield _sse({"type": "message_start", "message": opening})
        yield _sse({"type": "ping"})
        for index, block in enumerate(message["content"]):
            tool = block["type"] == "tool_use"
            opened = {**block, "input": {}} if tool else {"type": "text", "text": ""}
            yield _sse({"type": "content_block_start", "index": index, "content_block": opened})
            for piece in [json.dumps(block["input"])] if tool else pieces(block["text"]):
                await self._pace.write(TOKENS_PER_S)
                delta = (
                    {"type": "input_json_delta", "partial_json": piece}
                    if tool
                    else {"type": "text_delta", "text": piece}
                )
                yield _sse({"type": "content_block_delta", "index": index, "delta": delta})
            yield _sse({"type": "content_block_stop", "index": index})
        ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
        usage = {"output_tokens": message["usage"]["output_tokens"]}
        yield _sse({"type": "message_delta", "delta": ended, "usage": usage})
        yield _sse({"type": "message_stop"})


def _asked(body: JsonObject) -> tuple[list[str], str, set[str], bool]:
    """The user's texts, the system prompt, the tools' names, and whether a tool has just answered."""
    users: list[str] = []
    after_tool = False
    for message in body["messages"]:
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        if message.get("role") != "user":
            after_tool = False
            continue
        after_tool = after_tool or any(
            block.get("type") == "tool_result" for block in blocks if isinstance(block, dict)
        )
        texts = [content] if isinstance(content, str) else [text_of([block]) for block in blocks]
        users.extend(text for text in texts if text)
    tools = {str(tool.get("name")) for tool in body.get("tools") or () if isinstance(tool, dict)}
    return users, text_of(body.get("system")), tools, after_tool


def _sse(event: JsonObject) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _error(status: int, kind: str, message: str) -> web.Response:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": f"req_{uuid.uuid4().hex[:20]}"}
    return web.json_response(body, status=status)
