"""Answers of Ollama's own ``/api/chat`` as chat completion chunks (recordings of 0.32.15)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from gateway_core.model import JsonObject, Usage
from gateway_core.wire.json_values import as_object
from gateway_core.wire.openai_chat import make_chunk
from gateway_core.wire.timings import Timing, ollama_timing
from gateway_core.wire.usage import count

_TOO_LONG = re.compile(r"request \((\d+) tokens\) exceeds the available context size \((\d+) tokens\)")


class NoAnswer(ValueError):
    """A line that cannot be part of an answer. The text completes "NAME …"."""


class AnswerTranslator:
    """Chunks of one streamed answer. ``make_id`` gives the ids of its tool calls: Ollama's may come again."""

    def __init__(self, completion_id: str, created: int, make_id: Callable[[], str]) -> None:
        self._id = completion_id
        self._created = created
        self._make_id = make_id
        self._begun = False
        self._calls = 0
        self.usage: Usage | None = None
        self.timing: Timing | None = None
        self.finished = False

    def feed(self, line: JsonObject) -> list[JsonObject]:
        """The chunks of one line. Raises :class:`NoAnswer`."""
        message = line.get("message")
        if not isinstance(message, dict):
            raise NoAnswer("sent a line without a message")
        model = str(line.get("model") or "")
        deltas = self._deltas(message)
        if not self._begun and (deltas or line.get("done")):
            self._begun = True
            deltas = [{"role": "assistant", **(deltas[0] if deltas else {"content": ""})}, *deltas[1:]]
        chunks = [make_chunk(self._id, model, delta, created=self._created) for delta in deltas]
        if chunks and (logprobs := _logprobs(line.get("logprobs"))):
            chunks[0]["choices"][0]["logprobs"] = logprobs
        if line.get("done"):
            self.finished = True
            self.usage = read_ollama_usage(line)
            self.timing = ollama_timing(line)
            chunks.append(make_chunk(self._id, model, {}, self._finish(line.get("done_reason")), self._created))
        return chunks

    def _deltas(self, message: JsonObject) -> list[JsonObject]:
        deltas: list[JsonObject] = []
        if thought := message.get("thinking"):
            deltas.append({"reasoning_content": str(thought)})
        if text := message.get("content"):
            deltas.append({"content": str(text)})
        calls = message.get("tool_calls") or ()
        if not isinstance(calls, list | tuple):
            raise NoAnswer("sent a tool call that is none")
        return [*deltas, *({"tool_calls": [self._call(call)]} for call in calls)]

    def _call(self, call: Any) -> JsonObject:
        function = as_object(as_object(call).get("function"))
        name = function.get("name")
        if not isinstance(name, str) or not name:
            raise NoAnswer("sent a tool call that is none")
        index, self._calls = self._calls, self._calls + 1
        told = {"name": name, "arguments": _arguments(function.get("arguments"))}
        return {"index": index, "id": self._make_id(), "type": "function", "function": told}

    def _finish(self, reason: Any) -> str:
        if reason in ("load", "unload"):
            raise NoAnswer("loaded the model and answered nothing")
        if reason == "length":
            return "length"
        return "tool_calls" if self._calls else "stop"


def read_ollama_usage(line: JsonObject) -> Usage | None:
    """What the last line counts; older versions leave ``prompt_eval_count`` out when the prompt was cached."""
    prompt, output = count(line.get("prompt_eval_count")), count(line.get("eval_count"))
    if prompt is None and output is None:
        return None
    return Usage(input_tokens=prompt or 0, output_tokens=output or 0)


def overflow_of(body: bytes) -> tuple[int, int] | None:
    """Tokens of the prompt and of the context, of a 400 that says the prompt is too long; None for any other.

    They come as JSON inside the error's text, ``{"error": {…, "n_prompt_tokens": 6075, "n_ctx": 4096}}``.
    """
    text = error_text(body) or ""
    try:
        inner = orjson.loads(text)
    except orjson.JSONDecodeError:
        inner = None
    about = as_object(as_object(inner).get("error"))
    prompt, context = count(about.get("n_prompt_tokens")), count(about.get("n_ctx"))
    if prompt and context:
        return prompt, context
    found = _TOO_LONG.search(text)
    return (int(found[1]), int(found[2])) if found else None


def error_text(body: bytes) -> str | None:
    """The text of an error as Ollama sends it, ``{"error": "…"}``; None where another program answered."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    text = as_object(value).get("error")
    return text if isinstance(text, str) else None


def _arguments(arguments: Any) -> str:
    if isinstance(arguments, str):
        return arguments
    return orjson.dumps({} if arguments is None else arguments).decode()


def _logprobs(value: Any) -> JsonObject | None:
    """OpenAI's shape of a list of ``{token, logprob, bytes, top_logprobs}``."""
    if not isinstance(value, list) or not value:
        return None
    tokens = [{"bytes": None, "top_logprobs": [], **token} for token in value if isinstance(token, dict)]
    return {"content": tokens, "refusal": None}
