"""Servers that speak OpenAI's chat completions: LM Studio, llama.cpp, vLLM, Groq, OpenRouter and the like."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from gateway_core.model import ApiKind, JsonObject, Refused, Usage
from gateway_core.providers.answer import Answer
from gateway_core.providers.base import Batch, Piece, UpstreamCall
from gateway_core.providers.dialect import STRICT_KINDS, Dialect, dialect_of, fixed_fields
from gateway_core.providers.failures import Failures
from gateway_core.providers.prompt_check import ContextBook, cut_error, found_cut
from gateway_core.providers.sdk_imports import without_models
from gateway_core.providers.upstream import Upstream
from gateway_core.wire.call_numbers import CallNumbers, new_call_id, with_own_ids
from gateway_core.wire.openai_chat import as_chunks, finish_of, first_choice, holds_content, said_in
from gateway_core.wire.openai_requests import in_openais_words
from gateway_core.wire.prompt_cut import CutPrompt
from gateway_core.wire.timings import llama_timing
from gateway_core.wire.usage import read_usage

_USAGE_S = 5.0
"""How long after the finish reason the usage may take."""
_COUNTS = frozenset(("usage", "x_groq", "timings"))
"""Where a chunk can carry counts; see ``read_usage``."""


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
        client = without_models("openai").OpenAI(
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

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        """The answer; see :class:`~gateway_core.providers.base.Provider`."""
        call.sending.begins()
        if call.request.api is ApiKind.EMBEDDINGS:
            body = {**(call.request.native or {}), "model": call.target.model}
            with await self.post("/embeddings", body, call=call) as answer:
                yield [Piece(await answer.json())]
            return
        with await self.post("/chat/completions", self.adapt(call), call=call) as answer:
            if not call.request.stream:
                yield [self._uncut(call, await answer.json())]
            elif answer.content_type == "application/json":
                whole = self._uncut(call, await answer.json())
                yield [Piece(chunk, whole.usage) for chunk in as_chunks(whole.body)]
            else:
                reader = _ChunkReader(answer, self.failures)
                async with aclosing(answer.events(reader.read)) as batches:
                    async for batch in batches:
                        yield batch
                reader.check_end()
                self._found_cut(call, reader.usage)

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
        if calls := choice["message"].get("tool_calls"):
            if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
                raise self.failures.protocol("sent a tool call that is none")
            body = with_own_ids(body, new_call_id)
        return Piece(body, read_usage(body), timing=llama_timing(body))


class _ChunkReader:
    """Makes pieces of the events of one stream. ``usage`` is what was reported so far."""

    def __init__(self, answer: Answer, failures: Failures) -> None:
        self._answer = answer
        self._failures = failures
        self._numbers = CallNumbers(new_call_id)
        self.usage: Usage | None = None
        self._answered = False

    def read(self, event: bytes) -> Sequence[Piece]:
        """The piece of a chunk, if it has one. Raises :class:`UpstreamError`."""
        answer, data = self._answer, event.strip()
        if data == b"[DONE]":
            answer.end()
            return ()
        if not data:
            return ()
        chunk = answer.parse(data)
        if chunk.get("error"):
            raise self._failures.reported(chunk["error"])
        choice = first_choice(chunk)
        usage = timing = None
        if not _COUNTS.isdisjoint(chunk):
            usage, timing = read_usage(chunk), llama_timing(chunk)
            self.usage = usage or self.usage
        if choice is not None:
            self._answered = True
            said = said_in(choice)
            if said.get("tool_calls"):
                chunk = self._numbers.put_right(chunk)
            if not answer.patience.begun and holds_content(said):
                answer.patience.begun = True
            if not answer.complete and finish_of(choice):
                answer.complete_within(_USAGE_S)
        elif self.usage is None:
            return ()
        return (Piece(chunk, usage, timing=timing),)

    def check_end(self) -> None:
        """Raises :class:`UpstreamError` where the stream has ended before its ``[DONE]`` or a finish reason."""
        if not self._answered:
            raise self._failures.protocol("sent an empty answer")
        if not self._answer.complete:
            raise self._failures.protocol("ended the answer in the middle")


def _is_call(call: object) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return isinstance(function, dict) and isinstance(function.get("arguments", ""), str)
