"""OpenAI itself: chat completions, and Responses for callers who speak it, with their own body and events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from gateway_core.model import ApiKind, JsonObject, Usage
from gateway_core.providers.answer import Answer
from gateway_core.providers.base import Batch, Piece, UpstreamCall
from gateway_core.providers.dialect import PRICED_APART
from gateway_core.providers.failures import Failures
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.wire.openai_chat import as_chunks, has_content
from gateway_core.wire.responses_items import is_sealed
from gateway_core.wire.responses_native import TERMINAL, NativeStream, ResponsesError, completion_of
from gateway_core.wire.responses_stream import MARK
from gateway_core.wire.usage import read_usage

_ONLY_IN_CHAT = ("stop", "seed")
"""What a caller of the gateway may ask for and OpenAI's Responses refuses: such a request goes as a chat completion."""


class OpenAIProvider(OpenAICompatible):
    """OpenAI's own API."""

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        """The answer; see :class:`~gateway_core.providers.base.Provider`."""
        native = call.request.native
        if call.request.api is not ApiKind.RESPONSES or native is None or any(native.get(n) for n in _ONLY_IN_CHAT):
            batches = super().send(call)
        else:
            batches = self._respond(call, native)
        async with aclosing(batches):
            async for batch in batches:
                yield batch

    async def _respond(self, call: UpstreamCall, native: JsonObject) -> AsyncGenerator[Batch]:
        call.sending.begins()
        with await self.post("/responses", self.native_body(call, native), call=call) as answer:
            if not call.request.stream:
                yield [self._whole_response(await answer.json())]
            elif answer.content_type == "application/json":
                whole = self._whole_response(await answer.json())
                yield [Piece(chunk, whole.usage) for chunk in as_chunks(whole.body)]
            else:
                async with aclosing(self._response_stream(answer)) as batches:
                    async for batch in batches:
                        yield batch

    def native_body(self, call: UpstreamCall, native: JsonObject) -> JsonObject:
        """A Responses body on its way to this server; the caller's is left as it is."""
        return {**_native_body(call, native), **self._dialect.fixed}

    def _whole_response(self, response: JsonObject) -> Piece:
        try:
            completion = completion_of(response)
        except ResponsesError as error:
            raise self.failures.reported(error.report) from None
        if not isinstance(response.get("output"), list) or response.get("status") not in ("completed", "incomplete"):
            raise self.failures.protocol("sent a response that has not ended")
        return Piece(completion, read_usage(completion), (response,))

    async def _response_stream(self, answer: Answer) -> AsyncGenerator[Batch]:
        """Pieces up to the event that ends the response."""
        reader = _EventReader(answer, self.failures)
        async with aclosing(answer.events(reader.read)) as batches:
            async for batch in batches:
                yield batch
        if not answer.done:
            raise self.failures.protocol("ended the answer in the middle")


class _EventReader:
    """Makes pieces of the events of one response.

    What comes before the first words is held back with them: until then another provider may be tried, and the caller
    must not see two beginnings.
    """

    def __init__(self, answer: Answer, failures: Failures) -> None:
        self._answer = answer
        self._failures = failures
        self._stream = NativeStream()
        self._usage: Usage | None = None
        self._chunks: list[JsonObject] = []
        self._native: list[JsonObject] = []

    def read(self, data: bytes) -> Sequence[Piece]:
        """The pieces of an event, and of what was held before it. Raises :class:`UpstreamError`."""
        answer = self._answer
        event = answer.parse(data)
        try:
            made = self._stream.feed(event)
        except ResponsesError as error:
            raise self._failures.reported(error.report) from None
        self._native.append(event)
        for chunk in made:
            self._usage = read_usage(chunk) or self._usage
            if not answer.patience.begun and has_content(chunk):
                answer.patience.begun = True
        self._chunks += made
        if event.get("type") in TERMINAL:
            answer.end()
        if not answer.patience.begun:
            return []
        first, *rest = self._chunks or [{}]
        pieces = [Piece(first, self._usage, tuple(self._native)), *(Piece(chunk, self._usage) for chunk in rest)]
        self._chunks, self._native = [], []
        return pieces


def _native_body(call: UpstreamCall, native: JsonObject) -> JsonObject:
    """The caller's own body, for the target's model and within what is reserved.

    Reasoning that the gateway sealed is left out, and so are ids of its own making: OpenAI answers 400 to both.
    """
    body: JsonObject = {**native, "model": call.target.model, "stream": call.request.stream}
    for name in PRICED_APART:
        body.pop(name, None)
    limits = [limit for limit in (native.get("max_output_tokens"), call.max_output_tokens) if limit is not None]
    if limits:
        body["max_output_tokens"] = min(limits)
    if isinstance(body.get("input"), list):
        body["input"] = [_known(item) for item in body["input"] if not is_sealed(item)]
    return body


def _known(item: JsonObject) -> JsonObject:
    made_here = isinstance(item.get("id"), str) and MARK in item["id"]
    return {key: value for key, value in item.items() if key != "id"} if made_here else item
