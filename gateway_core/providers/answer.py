"""An upstream's answer on its way in: patience with its bytes, bounds to their number, events, lines or one object."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Self

import aiohttp
import orjson

from gateway_core.deadlines import Deadline
from gateway_core.model import JsonObject
from gateway_core.providers.base import MOST_AT_ONCE, Batch, Piece, UpstreamError
from gateway_core.providers.bodies import Undecodable
from gateway_core.providers.failures import Failures
from gateway_core.wire.ndjson import LineParser, LineTooLong
from gateway_core.wire.sse import SSEError, SSEParser

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_EVENT_BYTES = 4 * 1024 * 1024
BROKEN = (aiohttp.ClientError, OSError, Undecodable)
"""What the reading of an answer raises when its connection breaks."""
Read = Callable[[bytes], Sequence[Piece]]
"""Makes pieces of one event or line. Raises :class:`UpstreamError`."""
_LINGER_S = 0.2
"""How long a complete answer waits for the end of its connection, which can then be used again."""


class Patience:
    """How long to wait for the next bytes: ``first_byte_s`` in all until content begins, then ``idle_s`` at a time."""

    def __init__(self, first_byte_s: float, idle_s: float) -> None:
        self._idle_s = idle_s
        self._first_byte_s = first_byte_s
        self._deadline = Deadline().within(first_byte_s)
        self.begun = self._ending = False
        self._renews = True
        """The next wait has all of the time; at the end only the first one has."""

    def lasts(self) -> Deadline:
        """For a ``with`` block: limits the next wait, which raises :class:`TimeoutError` where it is longer."""
        if self.begun and self._renews:
            self._deadline.within(self._idle_s)
            self._renews = not self._ending
        return self._deadline

    def end_within(self, seconds: float) -> None:
        """Only the end is waited for, so long from the next wait on, whatever comes meanwhile."""
        self._renews = not self._ending or seconds < self._idle_s
        self.begun = self._ending = True
        self._idle_s = min(seconds, self._idle_s)

    @property
    def promised_s(self) -> float:
        return self._idle_s if self.begun else self._first_byte_s


class Answer:
    """A successful answer, not yet read. ``patience.begun`` is for the reader to set. Whoever has one must leave it, as
    a ``with`` block does.

    What comes at once is given at once, as long as it is not too much. ``complete`` says that all of the answer is
    there, so that nothing fails any more; ``done`` that nothing more is read of it either.
    """

    def __init__(
        self,
        parts: AsyncIterator[bytes],
        content_type: str,
        patience: Patience,
        failures: Failures,
        close: Callable[[], None],
    ) -> None:
        """``parts`` are the body as it comes; ``close`` ends its connection, unless all of it was read."""
        self._parts = parts
        self._failures = failures
        self._size = 0
        self.patience = patience
        self.complete = self.done = False
        self._content_type = content_type
        self._close = close

    @property
    def content_type(self) -> str:
        return self._content_type.partition(";")[0].strip().lower()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    async def _part(self) -> bytes | None:
        """What has come of the body since the last time, as soon as there is something; None at its end."""
        try:
            with self.patience.lasts():
                part = await anext(self._parts, None)
        except BROKEN as error:
            raise self._failures.broken(error, self.patience.promised_s, self.patience.begun) from None
        if part is not None:
            self._measure(part)
        return part

    def _measure(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > MAX_ANSWER_BYTES:
            raise self._failures.protocol("sent an answer without end")

    def complete_within(self, seconds: float) -> None:
        """All of the answer has come but for counts, which may take so long."""
        self.complete = True
        self.patience.end_within(seconds)

    def end(self) -> None:
        """The protocol's last event has come. The connection may take a moment to end, and can then be used again."""
        self.done = True
        self.complete_within(_LINGER_S)

    def events(self, read: Read) -> AsyncGenerator[Batch]:
        """What ``read`` makes of the events of a stream, to the end of the connection. Raises :class:`UpstreamError`,
        also what ``read`` raises, once what it had made before has been handed on."""
        return self._batches(SSEParser(MAX_EVENT_BYTES), read, "an event")

    def lines(self, read: Read) -> AsyncGenerator[Batch]:
        """The same of the lines of a stream of JSON lines."""
        return self._batches(LineParser(MAX_EVENT_BYTES), read, "a line")

    async def _batches(self, parser: SSEParser | LineParser, read: Read, what: str) -> AsyncGenerator[Batch]:
        ended = False
        try:
            while not ended:
                part = await self._part()
                ended = part is None
                arrived = parser.finish() if part is None else parser.feed(part)
                for start in range(0, len(arrived), MOST_AT_ONCE):
                    batch, failure = self._before_failure(arrived[start : start + MOST_AT_ONCE], read)
                    if batch:
                        yield batch
                    if failure is not None:
                        raise failure
        except (SSEError, LineTooLong):
            if not self.complete:
                raise self._failures.protocol(f"sent {what} that is too large") from None
        except UpstreamError:
            if not self.complete:
                raise

    def _before_failure(self, arrived: list[bytes], read: Read) -> tuple[list[Piece], UpstreamError | None]:
        """What there is of some events or lines before the reading of one fails, and the failure."""
        pieces: list[Piece] = []
        try:
            for one in arrived:
                if not self.done:
                    pieces += read(one)
        except UpstreamError as error:
            return pieces, error
        return pieces, None

    async def json(self) -> JsonObject:
        """The whole answer as a JSON object, within the patience there is. Raises :class:`UpstreamError`."""
        parts: list[bytes] = []
        try:
            with self.patience.lasts():
                async for part in self._parts:
                    self._measure(part)
                    parts.append(part)
        except BROKEN as error:
            raise self._failures.broken(error, self.patience.promised_s, self.patience.begun) from None
        return self.parse(b"".join(parts))

    def parse(self, data: bytes) -> JsonObject:
        """One JSON object of the answer. Raises :class:`UpstreamError`."""
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise self._failures.protocol("sent something that is not JSON") from None
        if not isinstance(value, dict):
            raise self._failures.protocol("sent JSON that is no object")
        return value
