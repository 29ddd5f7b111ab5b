"""The seam between the pipeline and an upstream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import field
from typing import NamedTuple, Protocol

from gateway_core.frozen import frozen
from gateway_core.model import ChatRequest, JsonObject, ProviderStatus, Reason, Target, Usage
from gateway_core.wire.timings import Timing


def _unheard(_: Reason) -> None:
    pass


class Wire(Protocol):
    """Hears what goes over the wire for one call, secrets included: it must not keep those."""

    def sent(self, method: str, url: str, headers: Iterable[tuple[str, str]], content: bytes) -> None: ...

    def answered(self, status: int, headers: Iterable[tuple[str, str]]) -> None: ...

    def failed(self, why: str) -> None: ...


class Sending:
    """Whether anything of a call's request can have gone out: yes, unless its provider tells, and has told of nothing.

    A provider that tells says :meth:`begins` before it waits for anything, and :meth:`writes` before each writing.
    """

    def __init__(self) -> None:
        self._told = self._written = False

    def begins(self) -> None:
        self._told = True

    def writes(self) -> None:
        self._written = True

    @property
    def may_be_out(self) -> bool:
        """Whether the call may be charged, should it end now."""
        return self._written or not self._told


@frozen
class UpstreamCall:
    """One request on its way to one model. ``max_output_tokens`` is set for paid targets and must be enforced.

    ``remark`` hears what a person who looks at the request should know.
    """

    request: ChatRequest
    target: Target
    max_output_tokens: int | None = None
    remark: Callable[[Reason], None] = _unheard
    wire: Wire | None = None
    sending: Sending = field(default_factory=Sending, compare=False, repr=False)

    @property
    def output_limit(self) -> int | None:
        """The most tokens that the caller wants and the budget allows; None where neither says."""
        limits = (self.request.size.max_output_tokens, self.max_output_tokens)
        return min((limit for limit in limits if limit), default=None)


class Piece(NamedTuple):
    """One piece of an answer, in OpenAI's chat format.

    ``body`` is a ``chat.completion.chunk`` of a streamed call, or the whole ``chat.completion`` of one that was not.
    ``usage`` is what the upstream has reported up to this piece, clamped to finite non-negative numbers; None where it
    has said nothing, or nothing since an earlier piece. ``native`` is the same piece in the caller's own protocol, from
    a provider that speaks it: the events of a stream, or the one whole answer. The caller gets it instead of a
    translation of ``body``. ``timing`` is what a local server says of the time it took.
    """

    body: JsonObject
    usage: Usage | None = None
    native: tuple[JsonObject, ...] = ()
    timing: Timing | None = None


Batch = Sequence[Piece]
"""What came at once of an answer: its pieces in order, at least one."""
MOST_AT_ONCE = 256
"""Pieces that are made, or sent, before others have their turn: some 5 ms (measured 2026-11-29)."""


class UpstreamError(Exception):
    """An upstream failed. ``message`` is for the caller: no key, no HTML, no exception text in it.

    ``kind`` is ``connect``, ``timeout``, ``status``, ``protocol`` (an unreadable answer, a stream without an end) or
    ``limit`` (not now, or not so much at once: the upstream is well, and another one may take it).
    ``retryable`` says that the same call may work again; ``sent`` that the upstream may have charged for it;
    ``code`` is the refusal's code where the caller can act on it, for example ``context_length_exceeded``.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        status: int | None = None,
        retryable: bool = False,
        sent: bool = True,
        retry_after_s: float | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.status = status
        self.retryable = retryable
        self.sent = sent
        self.retry_after_s = retry_after_s
        self.code = code

    @property
    def may_be_charged(self) -> bool:
        """Whether the upstream can charge for the call: an error status is free, a broken answer is not."""
        return self.sent and self.kind != "status"


def past_limit(provider: str) -> UpstreamError:
    """An answer longer than was asked for. Another try would cost as much again."""
    return UpstreamError(f"{provider} went on past the output limit.", kind="protocol")


class Provider(Protocol):
    """An upstream that answers chat completions."""

    name: str

    def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        """The answer as it comes: chunks when ``call.request.stream``, else one whole completion.

        What arrives at once is one batch, and nothing that has arrived waits for what is to come. Ends normally only
        after a terminal event of the upstream's protocol; raises :class:`UpstreamError` otherwise. Closing the
        generator closes the connection, which stops the upstream. ``call.sending`` may be told what goes out.
        """
        ...

    async def check(self) -> ProviderStatus:
        """Whether the upstream can be used now, without spending anything."""
        ...

    async def close(self) -> None:
        """Closes its connections."""
        ...
