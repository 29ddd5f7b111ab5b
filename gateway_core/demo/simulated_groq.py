"""A simulated Groq: OpenAI's chat completions, streamed and not, with Groq's usage in the last chunk."""

from __future__ import annotations

import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator

from aiohttp import web

from gateway_core.demo.answers import answer_to
from gateway_core.demo.protocol import Pace, body_of, count_tokens, pieces, shortened, stream, text_of
from gateway_core.model import JsonObject

LABEL = "[simulated Groq]"
MODELS = ("openai/gpt-oss-120b", "openai/gpt-oss-20b", "llama-3.3-70b-versatile")
FIRST_TOKEN_S = 0.25
TOKENS_PER_S = 120.0
DEFAULT_MAX_TOKENS = 8192


class SimulatedGroq:
    """`POST /openai/v1/chat/completions` and `GET /openai/v1/models`."""

    def __init__(self, key: str, pace: Pace) -> None:
        self._key = key
        self._pace = pace

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/openai/v1/chat/completions", self._chat)
        app.router.add_get("/openai/v1/models", self._models)
        return app

    def _refused(self, request: web.Request) -> web.Response | None:
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(sent.encode(), self._key.encode()):
            return None
        return _error(401, "Invalid API Key", "invalid_request_error", "invalid_api_key")

    async def _models(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        data = [{"id": model, "object": "model", "created": 1_790_000_000, "owned_by": "simulated"} for model in MODELS]
        return web.json_response({"object": "list", "data": data})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refused(request):
            return refused
        body = await body_of(request)
        messages = body.get("messages") if body else None
        if body is None or not isinstance(messages, list) or not messages:
            return _error(400, "'messages' : minimum number of items is 1", "invalid_request_error")
        if not isinstance(body.get("model"), str):
            return _error(400, "'model' : property is required", "invalid_request_error")
        completion = _completion(body)
        await self._pace.think(FIRST_TOKEN_S)
        if not body.get("stream"):
            return web.json_response(completion)
        return await stream(request, self._events(body, completion))

    async def _events(self, body: JsonObject, completion: JsonObject) -> AsyncIterator[bytes]:
        head = {key: completion[key] for key in ("id", "created", "model", "system_fingerprint")}
        head["object"] = "chat.completion.chunk"
        choice = completion["choices"][0]
        yield _sse({**head, "choices": [_choice({"role": "assistant", "content": ""})]})
        for piece in pieces(choice["message"]["content"]):
            await self._pace.write(TOKENS_PER_S)
            yield _sse({**head, "choices": [_choice({"content": piece})]})
        for index, call in enumerate(choice["message"].get("tool_calls", ())):
            yield _sse({**head, "choices": [_choice({"tool_calls": [{**call, "index": index}]})]})
        last = {**head, "choices": [_choice({}, choice["finish_reason"])]}
        yield _sse({**last, "x_groq": {"id": f"req_{uuid.uuid4().hex[:20]}", "usage": completion["usage"]}})
        options = body.get("stream_options")
        if isinstance(options, dict) and options.get("include_usage"):
            yield _sse({**head, "choices": [], "usage": completion["usage"]})
        yield b"data: [DONE]\n\n"


def _completion(body: JsonObject) -> JsonObject:
    messages = [message for message in body["messages"] if isinstance(message, dict)]
    users = [text_of(message.get("content")) for message in messages if message.get("role") == "user"]
    system = next((text_of(message.get("content")) for message in messages if message.get("role") == "system"), "")
    offered = {tool["function"]["name"] for tool in body.get("tools") or () if isinstance(tool.get("function"), dict)}
    said = [message.get("role") for message in messages if text_of(message.get("content"))[:8] != "<<<BEGIN"]
    answer = answer_to(users, system, offered, bool(said) and said[-1] == "tool", LABEL)
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_MAX_TOKENS
    text, cut = shortened(answer.text, limit)
    message: JsonObject = {"role": "assistant", "content": text}
    if answer.tool and not cut:
        name, arguments = answer.tool
        function = {"name": name, "arguments": json.dumps(arguments)}
        message["tool_calls"] = [{"id": f"call_{uuid.uuid4().hex[:12]}", "type": "function", "function": function}]
    prompt, output = count_tokens([body["messages"], body.get("tools") or []]), count_tokens(message)
    output = min(output, limit)
    finish = "length" if cut else "tool_calls" if "tool_calls" in message else "stop"
    return {
        "id": f"chatcmpl-{uuid.uuid4()}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "system_fingerprint": "fp_simulated",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output},
    }


def _choice(delta: JsonObject, finish: str | None = None) -> JsonObject:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _sse(chunk: JsonObject) -> bytes:
    return f"data: {json.dumps(chunk)}\n\n".encode()


def _error(status: int, message: str, kind: str, code: str | None = None) -> web.Response:
    error = {"message": message, "type": kind, **({"code": code} if code else {})}
    return web.json_response({"error": error}, status=status)
