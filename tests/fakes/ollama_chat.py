"""Ollama's `/api/chat` as a real 0.32.15 was recorded: what it rejects, when it loads a model anew, how it streams."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from tests.fakes.script import JsonObject, Reply, pieces, tokens

SHIFT_OFF = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the "
    "context length in settings, or use a model with a longer context length"
)
KILLED = "an error was encountered while running the model: unexpected EOF"
_WHOLE = ("num_ctx", "num_predict", "seed", "top_k")
_DECIMAL = ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty", "repeat_penalty")
_THINK = (None, True, False, "low", "medium", "high", "max")
PROMPT_TOKEN_NS, TOKEN_NS = 6_464_166, 165_932_041
"""As in the recording `chat_stream`: 12 tokens read in 78 ms, 24 written in 3,982 ms."""


def problem(body: JsonObject, capabilities: list[str]) -> str | None:
    """What a 400 says of a request; None when the model can be asked."""
    name = body["model"]
    for check in (_shape, _options, _keep_alive):
        if said := check(body):
            return said
    if body.get("think") not in _THINK:
        return f'invalid think value: "{body["think"]}" (must be "high", "medium", "low", "max", true, or false)'
    if body.get("tools") and "tools" not in capabilities:
        return f"registry.ollama.ai/library/{name} does not support tools"
    if body.get("think") and "thinking" not in capabilities:
        return f'"{name}" does not support thinking'
    return None


def _shape(body: JsonObject) -> str | None:
    field = "json: cannot unmarshal {} into Go struct field ChatRequest.{} of type {}"
    for message in body["messages"]:
        if not isinstance(message.get("content", ""), str):
            return field.format("array", "messages.content", "string")
        for image in message.get("images", ()):
            try:
                base64.b64decode(image, validate=True)
            except (binascii.Error, ValueError):
                return "illegal base64 data at input byte 4"
        for call in message.get("tool_calls", ()):
            if not isinstance(call["function"]["arguments"], dict):
                return field.format("string", "messages.tool_calls.function.arguments", "api.ToolCallFunctionArguments")
    form = body.get("format")
    if form is not None and form != "json" and not isinstance(form, dict):
        return f'invalid format: "{form}"; expected "json" or a valid JSON Schema object'
    return None


def _options(body: JsonObject) -> str | None:
    options = body.get("options") or {}
    for name in _WHOLE:
        if name in options and not isinstance(options[name], int):
            return f'option "{name}" must be of type integer'
    for name in _DECIMAL:
        if name in options and not isinstance(options[name], int | float):
            return f'option "{name}" must be of type float32'
    stop = options.get("stop", [])
    return None if isinstance(stop, list) else 'option "stop" must be of type array'


def _keep_alive(body: JsonObject) -> str | None:
    value = body.get("keep_alive")
    if isinstance(value, str) and not (value[:-1].isdigit() and value[-1] in "smh"):
        return f'time: invalid duration "{value}"'
    return None


def prompt_tokens(body: JsonObject) -> int:
    return tokens([body["messages"], body.get("tools")])


def too_long(prompt: int, context: int) -> str:
    """The 400 of ``truncate: false``: JSON inside a string, byte for byte."""
    said = f"request ({prompt} tokens) exceeds the available context size ({context} tokens), try increasing it"
    error = {"code": 400, "message": said, "type": "exceed_context_size_error"}
    return json.dumps({"error": {**error, "n_prompt_tokens": prompt, "n_ctx": context}}, separators=(",", ":"))


def lines(body: JsonObject, reply: Reply, prompt: int, room: int) -> list[JsonObject]:
    """The lines of an answer; ``room`` is what the context has left for it."""
    limit = min(body["options"].get("num_predict", room), room) if body.get("options") else room
    words = pieces(reply.text)
    said: list[JsonObject] = [{"thinking": piece} for piece in pieces(reply.reasoning)] if body.get("think") else []
    said += [{"content": word} for word in words[:limit]]
    said += [
        {"tool_calls": [{"id": "call_1", "function": {"index": index, "name": name, "arguments": arguments}}]}
        for index, (name, arguments) in enumerate(reply.tools)
    ]
    head = {"model": body["model"], "created_at": "2026-11-23T16:16:35.063800446Z"}
    made: list[JsonObject] = []
    for part in said:
        line: JsonObject = {**head, "message": {"role": "assistant", "content": "", **part}, "done": False}
        if body.get("logprobs") and "content" in part:
            line["logprobs"] = [_logprob(part["content"], body.get("top_logprobs", 0))]
        made.append(line)
    reason = reply.stop or ("length" if len(words) > limit else "stop")
    counts = {"prompt_eval_count": prompt, "eval_count": min(len(words), limit) or 1}
    took = {"prompt_eval_duration": prompt * PROMPT_TOKEN_NS, "eval_duration": counts["eval_count"] * TOKEN_NS}
    report = {name: value for name, value in {**counts, **took, **reply.usage}.items() if value is not None}
    last = {**head, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": reason}
    return [*made, {**last, "total_duration": 4064917865, "load_duration": 1810751, **report}]


def whole(answer: list[JsonObject]) -> JsonObject:
    """The lines as the one answer of a call that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for line in answer:
        for key, value in line["message"].items():
            if key in ("content", "thinking"):
                message[key] = message.get(key, "") + value
            elif key == "tool_calls":
                message[key] = [*message.get(key, []), *value]
    return {**answer[-1], "message": message}


def _logprob(token: str, top: int) -> JsonObject:
    one = {"token": token, "logprob": -0.25, "bytes": list(token.encode())}
    return {**one, "top_logprobs": [one] * top} if top else one


def encode(answer: list[JsonObject]) -> list[bytes]:
    return [json.dumps(line).encode() + b"\n" for line in answer]
