"""A recording proxy between the gateway and the real model's server."""

from __future__ import annotations

import json
from typing import Any, Self

import aiohttp
from aiohttp import web

from gateway_core.model import JsonObject
from tests.real.real_model import RealModel

MAX_OUTPUT_TOKENS = 48
"""Enough for a tool call and for a sentence; the model is slow behind a long prompt."""


class RecordingProxy:
    """Passes requests on and keeps what they asked.

    The model's chat template knows no tools: llama.cpp drops ``tools`` without a word, and ``tool_choice: required``
    constrains nothing (seen with xllamacpp 2026.10.11549, with a template that has tools too). So while ``tool`` is set
    and there is no tool's result, the proxy asks for JSON of that tool's schema, which llama.cpp does enforce while the
    model writes, and does what a server's parser does elsewhere: it hands what the model wrote on as a tool call.
    """

    def __init__(self, model: RealModel) -> None:
        self._upstream = model.base_url.removesuffix("/v1")
        self.key = model.key
        self.tool: JsonObject | None = None
        self.bodies: list[JsonObject] = []
        self.written: list[str] = []
        """What the model itself wrote for each tool call."""
        self.base_url = ""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        app = web.Application(client_max_size=1 << 25)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        limited = {name: value for name, value in body.items() if name != "max_completion_tokens"}
        limited["max_tokens"] = MAX_OUTPUT_TOKENS
        if self.tool and not any(message.get("role") == "tool" for message in body["messages"]):
            return await self._call(request, limited, self.tool["function"])
        return await self._pass_on(request, json.dumps(limited).encode())

    async def _call(self, request: web.Request, body: JsonObject, tool: JsonObject) -> web.StreamResponse:
        """The model's call of ``tool``, streamed in OpenAI's format."""
        kept = {name: body[name] for name in ("model", "messages", "max_tokens")}
        schema = {"type": "json_schema", "json_schema": {"name": tool["name"], "schema": tool["parameters"]}}
        url = f"{self._upstream}{request.path}"
        async with self._session.post(url, json={**kept, "response_format": schema}, headers=_headers(request)) as got:
            answer = await got.json()
        written = answer["choices"][0]["message"]["content"]
        self.written.append(written)
        call = {"index": 0, "id": "call_real_1", "type": "function"}
        call["function"] = {"name": tool["name"], "arguments": written}
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for choices, usage in (
            ([_choice({"role": "assistant", "content": None, "tool_calls": [call]}, None)], None),
            ([_choice({}, "tool_calls")], None),
            ([], answer["usage"]),
        ):
            chunk = {**answer, "object": "chat.completion.chunk", "choices": choices, "usage": usage}
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    async def _pass_on(self, request: web.Request, data: bytes | None = None) -> web.StreamResponse:
        data = data or await request.read() or None
        url = f"{self._upstream}{request.path_qs}"
        async with self._session.request(request.method, url, data=data, headers=_headers(request)) as answer:
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


def _headers(request: web.Request) -> dict[str, str]:
    return {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}


def _choice(delta: JsonObject, finish_reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}
