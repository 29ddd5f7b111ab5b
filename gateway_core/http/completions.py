"""Answers a completion over HTTP in its caller's protocol: whole or streamed, and every failure in words it knows."""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Protocol

from aiohttp import web
from aiohttp.http import StreamWriter

from gateway_core.faults import where
from gateway_core.gateway import Gateway
from gateway_core.http.incoming import Reader, incoming
from gateway_core.http.replies import refuse, refuse_in_kind, reply
from gateway_core.model import ChatRequest, JsonObject, Refusal, Refused
from gateway_core.pipeline import Answer
from gateway_core.providers.base import Batch, Piece
from gateway_core.wire import errors

log = logging.getLogger(__name__)


class Writer(Protocol):
    """One stream in the making."""

    def feed(self, piece: Piece) -> bytes:
        """What the caller gets for one piece; may be nothing."""
        ...

    def end(self) -> bytes:
        """What ends the stream after its last piece."""
        ...

    def fail(self, refusal: Refusal) -> bytes:
        """What ends the stream in the middle, and says why."""
        ...


class Face(Reader, Protocol):
    """One protocol of completions."""

    def whole(self, request: ChatRequest, answer: Piece) -> JsonObject:
        """The body of an answer that is not streamed; ``answer.body`` carries ``usage`` with ``cost``."""
        ...

    def stream(self, request: ChatRequest) -> Writer:
        """The writer of one stream."""
        ...

    def error(self, refusal: Refusal, request_id: str | None) -> JsonObject:
        """The body of a refusal."""
        ...

    def headers(self, request_id: str) -> Mapping[str, str]:
        """Headers of the protocol's own on every answer."""
        ...


class Completions:
    """The handler of one protocol."""

    def __init__(self, gateway: Gateway, face: Face) -> None:
        self._gateway = gateway
        self._face = face

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await self._gateway.pipeline.turnstile.turn()
        parsed = await self.receive(request)
        if isinstance(parsed, Refusal):
            return refuse_in_kind(request, parsed)
        stream: _Outgoing | None = None
        try:
            async with self._gateway.pipeline.answer(parsed) as answer:
                if isinstance(answer, Refusal):
                    return self._refuse(answer, parsed.id)
                if answer.batches is None:
                    assert answer.whole is not None
                    body = self._face.whole(parsed, answer.whole)
                    await self.before_the_end(parsed)
                    return reply(body, headers=self._headers(answer))
                stream = await self._begin(request, parsed, answer)
                if answer.shortcut is not None:
                    answer.shortcut.send = stream.send_at_once
                async for batch in answer.batches:
                    await stream.send(batch)
                last = stream.writer.end()
                await self.before_the_end(parsed)
                await stream.response.write(last)
        except Refused as refused:
            if stream is None:
                return self._refuse(refused.refusal, parsed.id)
            await stream.last_word(stream.writer.fail(refused.refusal))
        except ConnectionError:
            if stream is None:
                raise
        except Exception as error:
            if stream is None:
                raise
            log.error("a stream failed: %s", where(error))
            await stream.last_word(stream.writer.fail(errors.internal_error()))
        return stream.response

    async def receive(self, request: web.Request) -> ChatRequest | Refusal:
        """The request as a value, or why it is none."""
        return await incoming(request, self._face, self._gateway.settings.max_body_bytes)

    async def before_the_end(self, request: ChatRequest) -> None:
        """Called when the answer is made and its end not yet sent."""

    def _refuse(self, refusal: Refusal, request_id: str) -> web.Response:
        headers = {"x-llmgw-request-id": request_id, **self._face.headers(request_id)}
        return refuse(refusal, headers, self._face.error(refusal, request_id))

    def _headers(self, answer: Answer) -> dict[str, str]:
        return {**answer_headers(answer), **self._face.headers(answer.request_id)}

    async def _begin(self, request: web.Request, parsed: ChatRequest, answer: Answer) -> _Outgoing:
        kind = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        writer = self._face.stream(parsed)
        response = web.StreamResponse(headers={**self._headers(answer), **kind})
        await response.prepare(request)
        return _Outgoing(request, response, writer)


class _Outgoing:
    """An answer on its way to its caller, part by part. ``Connection`` hangs up on one who does not read it."""

    def __init__(self, request: web.Request, response: web.StreamResponse, writer: Writer) -> None:
        self._connection = request.protocol
        assert isinstance(request.writer, StreamWriter), "any other may not know how to write without waiting"
        self._body = request.writer
        self.response = response
        self.writer = writer

    async def send(self, batch: Batch) -> None:
        """Sends what came at once, and waits for a caller who has not read what was sent before."""
        if data := b"".join(map(self.writer.feed, batch)):
            await self.response.write(data)

    def send_at_once(self, batch: Batch) -> bool:
        """The same without waiting, unless the caller is behind. Returns whether it was sent."""
        if self._connection.writing_paused:
            return False
        if data := b"".join(map(self.writer.feed, batch)):
            _without_waiting(self._body.write(data, drain=False))
        return True

    async def last_word(self, data: bytes) -> None:
        """Ends a stream with why it ends, if anybody still listens."""
        with suppress(ConnectionError):
            await self.response.write(data)


def _without_waiting(work: Coroutine[None, None, None]) -> None:
    """Does what is written as if it could wait, and does not."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("it waits")


def answer_headers(answer: Answer) -> dict[str, str]:
    """The headers of an answer, whatever its protocol."""
    headers = {
        "x-llmgw-request-id": answer.request_id,
        "x-llmgw-tier": answer.tier,
        "x-llmgw-model": header_text(answer.model),
        "x-llmgw-cache": answer.cache.value,
        "x-llmgw-route": header_text(answer.route),
    }
    if answer.cost_microusd is not None:
        headers["x-llmgw-cost-usd"] = f"{answer.cost_microusd / 1e6:.6f}"
    return headers


def header_text(text: str) -> str:
    """Text that may stand in a header: a model's name is foreign, and must not smuggle another header in."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(character if " " <= character <= "~" else "?" for character in text)
    return text[:200]
