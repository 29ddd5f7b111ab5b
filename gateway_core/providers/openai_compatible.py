"""Servers that speak OpenAI's chat completions: LM Studio, llama.cpp, vLLM, Groq, OpenRouter and the like."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from gateway_core.model import ApiKind, JsonObject, Refused, Usage
from gateway_core.providers.answer import Answer
from gateway_core.providers.base import Piece, UpstreamCall, UpstreamError
from gateway_core.providers.dialect import STRICT_KINDS, Dialect, dialect_of, fixed_fields
from gateway_core.providers.prompt_check import ContextBook, cut_error, found_cut
from gateway_core.providers.upstream import Upstream
from gateway_core.wire.call_numbers import CallNumbers, with_own_ids
from gateway_core.wire.openai_chat import as_chunks, finish_reason, first_choice, has_content
from gateway_core.wire.openai_requests import in_openais_words
from gateway_core.wire.prompt_cut import CutPrompt
from gateway_core.wire.timings import llama_timing
from gateway_core.wire.usage import read_usage

_USAGE_S = 5.0
"""How long after the finish reason the usage may take."""


class OpenAICompatible(Upstream):
    """An upstream at ``base_url``, which ends in ``/v1`` as a rule. ``kind`` decides what its body needs, unless a
    ``dialect`` is given.

    ``free`` says that nobody pays for it: a local server, whatever its kind. ``key_setting`` names the setting of its
    key, for people.
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
        dialect: Dialect | None = None,
        key_setting: str | None = None,
        contexts: ContextBook | None = None,
    ) -> None:
        """``contexts`` hears of prompts that the server has cut, and tells what is known."""
        self._contexts = contexts
        self._dialect = dialect or replace(dialect_of(kind, free), fixed=fixed_fields(kind, base_url))
        known = kind in STRICT_KINDS and not free
        self.key_setting = key_setting or (f"{kind.upper()}_API_KEY" if known else "LOCAL_LLM_API_KEY")
        self.may_lack_a_key = not known
        super().__init__(
            name=name,
            kind=kind,
            base_url=base_url,
            secret=api_key,
            first_byte_s=first_byte_s,
            idle_s=idle_s,
            simulated=simulated,
        )

    def make_client(self, carrier: Any) -> Any:
        import openai

        client = openai.OpenAI(
            api_key=self._secret or "none",
            base_url=self.base_url,
            max_retries=0,
            default_query=self._dialect.query,
            http_client=carrier,
        )
        if self.name != "openai":
            client.organization = client.project = None  # taken from the environment, and nobody else's business
        return client

    def request_headers(self) -> dict[str, str]:
        """Local servers get a connection for each request: llama.cpp closes one after a stream without a word."""
        headers = {**super().request_headers(), **self._dialect.headers}
        return headers if self._dialect.keeps_connections else {**headers, "Connection": "close"}

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Piece]:
        """The answer; see :class:`~gateway_core.providers.base.Provider`."""
        if call.request.api is ApiKind.EMBEDDINGS:
            body = {**(call.request.native or {}), "model": call.target.model}
            async with self.post("/embeddings", body, wire=call.wire) as answer:
                yield Piece(await answer.json())
            return
        async with self.post("/chat/completions", self.adapt(call), wire=call.wire) as answer:
            if not call.request.stream:
                yield self._uncut(call, await answer.json())
            elif answer.content_type == "application/json":
                whole = self._uncut(call, await answer.json())
                for chunk in as_chunks(whole.body):
                    yield Piece(chunk, whole.usage)
            else:
                usage: Usage | None = None
                async with aclosing(self._stream(answer)) as pieces:
                    async for piece in pieces:
                        usage = piece.usage or usage
                        yield piece
                self._found_cut(call, usage)

    def adapt(self, call: UpstreamCall) -> JsonObject:
        """The body as this kind of server takes it; the caller's is left as it is."""
        try:
            body = in_openais_words(call.request, call.target.model, strict=self._dialect.strict)
        except Refused as refused:
            raise self.failures.refused(refused.refusal) from None
        return self._dialect.adapt(call, body)

    def _found_cut(self, call: UpstreamCall, usage: Usage | None) -> CutPrompt | None:
        known = self._contexts.in_force(call.target.model) if self._contexts else None
        return found_cut(call, usage, self._contexts, known)

    def _uncut(self, call: UpstreamCall, body: JsonObject) -> Piece:
        """A whole answer to the whole prompt."""
        whole = self._whole(body)
        if cut := self._found_cut(call, whole.usage):
            raise cut_error(self.name, call.target.model, cut)
        return whole

    def _whole(self, body: JsonObject) -> Piece:
        if body.get("error"):
            raise self.failures.reported(body["error"])
        choice = first_choice(body)
        if choice is None or not isinstance(choice.get("message"), dict):
            raise self.failures.protocol("sent an answer without a message")
        calls = choice["message"].get("tool_calls") or []
        if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
            raise self.failures.protocol("sent a tool call that is none")
        return Piece(with_own_ids(body), read_usage(body), timing=llama_timing(body))

    async def _stream(self, answer: Answer) -> AsyncGenerator[Piece]:
        """Chunks up to ``[DONE]``, or the end of the connection after a finish reason."""
        usage: Usage | None = None
        answered = finished = False
        async with aclosing(self._chunks(answer)) as chunks:
            try:
                async for chunk in chunks:
                    usage = read_usage(chunk) or usage
                    choice = first_choice(chunk)
                    if has_content(chunk):
                        answer.patience.begun = True
                    answered = answered or choice is not None
                    if finish_reason(chunk) and not finished:
                        finished = True
                        answer.patience.end_within(_USAGE_S)
                    if choice is not None or usage is not None:
                        yield Piece(chunk, usage, timing=llama_timing(chunk))
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
        numbers = CallNumbers()
        async with aclosing(answer.events()) as events:
            async for event in events:
                data = event.data.strip()
                if data == b"[DONE]":
                    answer.end()
                elif data and not answer.done:
                    chunk = answer.parse(data)
                    if chunk.get("error"):
                        raise self.failures.reported(chunk["error"])
                    yield numbers.put_right(chunk)


def _is_call(call: object) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return isinstance(function, dict) and isinstance(function.get("arguments", ""), str)
