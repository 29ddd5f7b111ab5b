"""Servers that speak OpenAI's chat completions: Ollama, LM Studio, llama.cpp, vLLM, Groq, OpenAI and the like."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from gateway_core.model import ApiKind, JsonObject, Usage
from gateway_core.providers.base import Piece, UpstreamCall, UpstreamError
from gateway_core.providers.upstream import Answer, Upstream
from gateway_core.wire.openai_chat import as_chunks, finish_reason, first_choice, has_content, text_of
from gateway_core.wire.usage import read_usage

STRICT_KINDS = ("openai", "groq")
"""Kinds that answer 400 to fields they do not know. Every other, and every free one, is a local server and lenient."""
_NOT_OPENAI = ("cache_control", "reasoning_content", "reasoning", "reasoning_details", "thinking_blocks")
"""Message fields of other protocols, which OpenAI and Groq answer with 400."""
_PRICED_APART = ("service_tier", "web_search_options")
"""Not sent to a paid provider: they make tokens dearer or add a price for each search, which is not reserved."""
_NOT_GROQ = ("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "verbosity")
_USAGE_S = 5.0
"""How long after the finish reason the usage may take."""
_CHARACTERS_A_TOKEN = 32
"""No model writes tokens longer than this on average: an answer that does has passed its limit."""


class OpenAICompatible(Upstream):
    """An upstream at ``base_url``, which ends in ``/v1`` as a rule. ``kind`` decides what its body needs.

    ``free`` says that nobody pays for it: a local server, whatever its kind.
    """

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        base_url: str,
        api_key: str | None = None,
        first_byte_s: float = 120.0,
        idle_s: float = 90.0,
        free: bool = False,
        simulated: bool = False,
    ) -> None:
        self._strict = kind in STRICT_KINDS and not free
        self.key_setting = f"{kind.upper()}_API_KEY" if self._strict else "LOCAL_LLM_API_KEY"
        self.may_lack_a_key = not self._strict
        super().__init__(
            name=name,
            kind=kind,
            base_url=base_url,
            secret=api_key,
            first_byte_s=first_byte_s,
            idle_s=idle_s,
            simulated=simulated,
        )

    def make_client(self, http_options: dict[str, Any]) -> tuple[Any, Any]:
        import openai

        client = openai.AsyncOpenAI(
            api_key=self._secret or "none",
            base_url=self.base_url,
            max_retries=0,
            timeout=http_options["timeout"],
            http_client=openai.DefaultAioHttpClient(**http_options),
        )
        if self.name != "openai":
            client.organization = client.project = None  # taken from the environment, and nobody else's business
        return client, openai

    def request_headers(self) -> dict[str, str]:
        """Local servers get a connection for each request: llama.cpp closes one after a stream without a word."""
        headers = super().request_headers()
        return headers if self._strict else {**headers, "Connection": "close"}

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Piece]:
        """The answer; see :class:`~gateway_core.providers.base.Provider`."""
        if call.request.api is ApiKind.EMBEDDINGS:
            async with self.post("/embeddings", {**(call.request.native or {}), "model": call.target.model}) as answer:
                yield Piece(await answer.json())
            return
        async with self.post("/chat/completions", self.adapt(call)) as answer:
            if not call.request.stream:
                yield self._whole(await answer.json())
            elif answer.content_type == "application/json":
                whole = self._whole(await answer.json())
                for chunk in as_chunks(whole.body):
                    yield Piece(chunk, whole.usage)
            else:
                async with aclosing(self._stream(answer, call.max_output_tokens)) as pieces:
                    async for piece in pieces:
                        yield piece

    def adapt(self, call: UpstreamCall) -> JsonObject:
        """The body as this kind of server takes it; the caller's is left as it is."""
        stream = call.request.stream
        body: JsonObject = {**call.request.body, "model": call.target.model, "stream": stream}
        options = body.pop("stream_options", None)
        if stream:
            body["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
        limits = [body.pop("max_completion_tokens", None), body.pop("max_tokens", None), call.max_output_tokens]
        limit = min((value for value in limits if value is not None), default=None)
        if self._strict:
            names: tuple[str, ...] = ("max_completion_tokens",)
            body["messages"] = [_without(message, _NOT_OPENAI) for message in body["messages"]]
            for name in (*_PRICED_APART, *(_NOT_GROQ if self.kind == "groq" else ())):
                body.pop(name, None)
        else:
            names = ("max_tokens",) if self.kind == "ollama" else ("max_tokens", "max_completion_tokens")
            body["messages"] = [_with_content(message) for message in body["messages"]]
        if limit is not None:
            body.update(dict.fromkeys(names, limit))
        return body

    def _whole(self, body: JsonObject) -> Piece:
        if body.get("error"):
            raise self.failures.reported(body["error"])
        choice = first_choice(body)
        if choice is None or not isinstance(choice.get("message"), dict):
            raise self.failures.protocol("sent an answer without a message")
        calls = choice["message"].get("tool_calls") or []
        if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
            raise self.failures.protocol("sent a tool call that is none")
        return Piece(body, read_usage(body))

    async def _stream(self, answer: Answer, limit: int | None) -> AsyncGenerator[Piece]:
        """Chunks up to ``[DONE]``, or the end of the connection after a finish reason."""
        usage: Usage | None = None
        room = None if limit is None else limit * _CHARACTERS_A_TOKEN + 1024
        answered = finished = False
        async with aclosing(self._chunks(answer)) as chunks:
            try:
                async for chunk in chunks:
                    usage = read_usage(chunk) or usage
                    choice = first_choice(chunk)
                    if has_content(chunk):
                        answer.patience.begun = True
                        room = self._room_left(room, chunk)
                    answered = answered or choice is not None
                    if finish_reason(chunk) and not finished:
                        finished = True
                        answer.patience.end_within(_USAGE_S)
                    if choice is not None or usage is not None:
                        yield Piece(chunk, usage)
            except UpstreamError:
                if not finished:
                    raise
                return
        if not answered:
            raise self.failures.protocol("sent an empty answer")
        if not finished and not answer.done:
            raise self.failures.protocol("ended the answer in the middle")

    async def _chunks(self, answer: Answer) -> AsyncGenerator[JsonObject]:
        """The chunks before ``[DONE]``, to the end of the connection."""
        async with aclosing(answer.events()) as events:
            async for event in events:
                data = event.data.strip()
                if data == b"[DONE]":
                    answer.end()
                elif data and not answer.done:
                    chunk = answer.parse(data)
                    if chunk.get("error"):
                        raise self.failures.reported(chunk["error"])
                    yield chunk

    def _room_left(self, room: int | None, chunk: JsonObject) -> int | None:
        if room is None:
            return None
        room -= len(text_of(chunk))
        if room < 0:
            raise self.failures.protocol("went on past the output limit")
        return room


def _with_content(message: JsonObject) -> JsonObject:
    """Ollama answers 400 to null content, which is legal beside tool calls."""
    return {**message, "content": ""} if message.get("content") is None else message


def _is_call(call: object) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return isinstance(function, dict) and isinstance(function.get("arguments", ""), str)


def _without(message: JsonObject, names: tuple[str, ...]) -> JsonObject:
    if any(name in message for name in names):
        message = {key: value for key, value in message.items() if key not in names}
    content = message.get("content")
    if isinstance(content, list) and any("cache_control" in part for part in content):
        parts = [{key: value for key, value in part.items() if key != "cache_control"} for part in content]
        message = {**message, "content": parts}
    return message
