"""A fake OpenAI-compatible server; as ``kind="ollama"`` it deviates as the real Ollama 0.32 was seen to.

Used like the fake Anthropic, see there; ``base_url`` ends in ``/v1``. As a process:
``python -m tests.fakes.openai --port 0 --kind ollama``.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import struct
from base64 import b64encode
from typing import Any

from aiohttp import web

from tests.fakes import openai_responses, openai_rules
from tests.fakes.script import Failure, Fake, JsonObject, Raw, Reply, pieces, serve, tokens

DONE = b"data: [DONE]\n\n"


class FakeOpenAI(Fake):
    """`POST /v1/chat/completions` (streamed and not) and `GET /v1/models`. ``key`` None asks for no key.

    As OpenAI itself it also answers `POST /v1/responses`.
    """

    path = "/v1"

    def __init__(
        self,
        *,
        kind: str = "openai",
        key: str | None = None,
        models: tuple[str, ...] = ("fake-model",),
        default: Reply | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(default=default, port=port)
        self.kind = kind
        self.key = key
        self.models = models
        self._numbers = itertools.count(1)
        self._stored: dict[str, JsonObject] = {}

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_get("/v1/models", self._list)
        if self.kind == "openai":
            app.router.add_post("/v1/responses", self._respond)
        app.router.add_get("/health", self._health)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _list(self, request: web.Request) -> web.Response:
        if not self._may(request):
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        owner = "library" if self.kind == "ollama" else "fake"
        data = [{"id": model, "object": "model", "created": 1_795_000_000, "owned_by": owner} for model in self.models]
        return web.json_response({"object": "list", "data": data})

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        body = await self.receive(request)
        if not self._may(request):
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        if problem := self._embedding_problem(body):
            self.rejected.append(problem)
            return _error(400, problem)
        if body["model"] not in self.models:
            return _error(404, f"The model `{body['model']}` does not exist", "model_not_found")
        self.calls += 1
        step = await self.next_step()
        if isinstance(step, Raw):
            return await self.raw(request, step)
        if isinstance(step, Failure):
            return _error(step.status, step.message, step.code, step.headers, step.type)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        vectors = [embedding(text, body.get("dimensions") or 8) for text in texts]
        as_text = [b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors]
        given: list[Any] = as_text if body.get("encoding_format") == "base64" else vectors
        data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(given)]
        used = sum(map(tokens, texts))
        self.input_tokens += used
        usage = {"prompt_tokens": used, "total_tokens": used, **step.usage}
        return web.json_response({"object": "list", "data": data[::-1], "model": body["model"], "usage": usage})

    def _embedding_problem(self, body: JsonObject) -> str | None:
        known = {"model", "input", "encoding_format", "dimensions", "user"}
        if self.kind == "openai" and (extra := sorted(set(body) - known)):
            return f"Unrecognized request argument supplied: {extra[0]}"
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        if not texts or not all(texts) or len(texts) > 2048:
            return (
                "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
            )
        if any(tokens(text) > 8192 for text in texts):
            return "This model's maximum context length is 8192 tokens, however you requested more."
        if "dimensions" in body and not body["model"].startswith("text-embedding-3"):
            return "This model does not support specifying dimensions."
        return None

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self.receive(request)
        if not self._may(request):
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        if problem := self._problem(body):
            self.rejected.append(problem)
            return _error(400, problem)
        if body["model"] not in self.models:
            return _error(404, f"model '{body['model']}' not found")
        self.calls += 1
        step = await self.next_step()
        if isinstance(step, Raw):
            return await self.raw(request, step)
        if isinstance(step, Failure):
            return _error(step.status, step.message, step.code, step.headers, step.type)
        completion = self._completion(body, step)
        if not body.get("stream"):
            return web.json_response(completion)
        options = body.get("stream_options") or {}
        chunks = _chunks(completion, include_usage=options.get("include_usage") is True)
        events = [_sse(chunk) for chunk in chunks] + [DONE]
        failed = {"error": {"message": "The model stopped.", "type": "server_error", "param": None, "code": None}}
        return await self.stream(request, step, events, _sse(failed))

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        body = await self.receive(request)
        if not self._may(request):
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        try:
            openai_responses.check(body, self._stored)
        except openai_responses.Broken as broken:
            self.rejected.append(str(broken))
            return _error(400, str(broken), broken.code, kind="invalid_request_error")
        if body["model"] not in self.models:
            return _error(404, f"The model '{body['model']}' does not exist", "model_not_found")
        self.calls += 1
        step = await self.next_step()
        if isinstance(step, Raw):
            return await self.raw(request, step)
        if isinstance(step, Failure):
            return _error(step.status, step.message, step.code, step.headers, step.type)
        response = openai_responses.response_of(body, step, next(self._numbers))
        self.input_tokens += tokens(body.get("input"))
        self.output_tokens += tokens(response["output"])
        if response["store"]:
            self._stored[response["id"]] = response
        if not body.get("stream"):
            return web.json_response(response)
        events = [_named(event) for event in openai_responses.events_of(response)]
        error = {"code": "server_error", "message": "The model stopped."}
        failed = {**response, "status": "failed", "error": error, "output": [], "usage": None}
        last = {"type": "response.failed", "sequence_number": len(events), "response": failed}
        return await self.stream(request, step, events, _named(last))

    def _may(self, request: web.Request) -> bool:
        return self.key is None or request.headers.get("Authorization") == f"Bearer {self.key}"

    def _problem(self, body: JsonObject) -> str | None:
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            return "[] is too short - 'messages'"
        if self.kind == "openai":
            return openai_rules.problem(body)
        if self.kind == "groq":
            return _groq_problem(body)
        if self.kind != "ollama":
            return None
        for message in messages:
            if message.get("content") is None:
                return "invalid message content type: <nil>"
            for part in message["content"] if isinstance(message["content"], list) else ():
                if part["type"] == "image_url" and not part["image_url"]["url"].startswith("data:"):
                    return "image URLs are not currently supported, please use base64 encoded data instead"
        return None

    def _completion(self, body: JsonObject, reply: Reply) -> JsonObject:
        number = next(self._numbers)
        limit = body.get("max_tokens") or (None if self.kind == "ollama" else body.get("max_completion_tokens"))
        words = pieces(reply.text)
        cut = limit is not None and len(words) > limit
        message: JsonObject = {"role": "assistant", "content": "".join(words[:limit])}
        if reply.reasoning:
            message["reasoning" if self.kind in ("ollama", "groq") else "reasoning_content"] = reply.reasoning
        if reply.tools:
            message["tool_calls"] = [_call(f"call_{number}_{index}", *tool) for index, tool in enumerate(reply.tools)]
        prompt, output = tokens([body["messages"], body.get("tools")]), min(len(words), limit or len(words)) or 1
        usage: JsonObject = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
        usage = {name: value for name, value in {**usage, **reply.usage}.items() if value is not None}
        self.input_tokens += prompt
        self.output_tokens += output
        reason = reply.stop or ("tool_calls" if reply.tools else "length" if cut else "stop")
        return {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 1_795_000_000,
            "model": body["model"],
            "system_fingerprint": "fp_fake",
            "choices": [{"index": 0, "message": message, "finish_reason": None if reason == "null" else reason}],
            "usage": usage,
        }


def _groq_problem(body: JsonObject) -> str | None:
    """What Groq refuses of OpenAI's protocol (console.groq.com/docs/openai, and messages users have seen, 2026-11)."""
    for name in ("logprobs", "logit_bias", "top_logprobs"):
        if name in body:
            return f"property '{name}' is unsupported"
    if body.get("n", 1) != 1:
        return "'n' : number must be at most 1"
    for index, message in enumerate(body["messages"]):
        for name in ("name", "reasoning_content", "reasoning", "cache_control"):
            if name in message:
                return f"'messages.{index}' : property '{name}' is unsupported"
    efforts = ("low", "medium", "high") if "gpt-oss" in body["model"] else ("none", "default")
    if "reasoning_effort" in body and body["reasoning_effort"] not in efforts:
        return f"`reasoning_effort` must be one of {', '.join(efforts)}"
    return None


def _call(call_id: str, name: str, arguments: JsonObject) -> JsonObject:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def _chunks(completion: JsonObject, include_usage: bool) -> list[JsonObject]:
    """The stream of a completion: role, reasoning, words, tool calls in pieces, finish, usage."""
    choice = completion["choices"][0]
    message = choice["message"]
    deltas: list[JsonObject] = [{"role": "assistant", "content": ""}]
    for name in ("reasoning", "reasoning_content", "content"):
        deltas.extend({name: piece} for piece in pieces(message.get(name) or ""))
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        deltas.append({"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]})
        for start in range(0, len(function["arguments"]), 9):
            part = function["arguments"][start : start + 9]
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    head = {key: value for key, value in completion.items() if key not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk"
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    if include_usage:
        chunks.append({**head, "choices": [], "usage": completion["usage"]})
    return chunks


def embedding(text: str, dimensions: int) -> list[float]:
    """The fakes' embedding: a vector of length 1 that depends on every character."""
    numbers = [
        float(sum((place + 1) * ord(c) for place, c in enumerate(text)) % (97 + i) + 1) for i in range(dimensions)
    ]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]


def _sse(chunk: JsonObject) -> bytes:
    return f"data: {json.dumps(chunk)}\n\n".encode()


def _named(event: JsonObject) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _error(
    status: int,
    message: str,
    code: str | None = None,
    headers: dict[str, str] | None = None,
    kind: str | None = None,
) -> web.Response:
    error: dict[str, Any] = {"message": message, "type": kind or "api_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--kind", default="openai")
    parser.add_argument("--key")
    parser.add_argument("--model", action="append", default=None)
    parser.add_argument("--text", default=Reply.text, help="what every answer says")
    parser.add_argument("--between", type=float, default=0.0, help="seconds between two events")
    options = parser.parse_args()
    default = Reply(text=options.text, between_s=options.between)
    models = tuple(options.model or ["fake-model"])
    fake = FakeOpenAI(kind=options.kind, key=options.key, models=models, port=options.port, default=default)
    asyncio.run(serve(fake))


if __name__ == "__main__":
    main()
