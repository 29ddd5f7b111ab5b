"""What one request went through, step by step, and what went over the wire for it: frozen values.

Times are milliseconds since the request was understood; what came before, its reading, is negative.
"""

from __future__ import annotations

from typing import Any

from gateway_core.frozen import frozen

MASKED = "[masked]"
"""Stands where a secret was."""


@frozen
class Step:
    """``name`` is the step's (``policy``, ``exact cache``, ``call`` …), ``outcome`` what came of it, in a few words.

    ``took_ms`` is None while it goes on, and 0 for a moment such as the first token. ``target`` is the
    ``provider/model`` of a step that is about one.
    """

    name: str
    start_ms: float
    took_ms: float | None = None
    outcome: str = ""
    target: str = ""

    @property
    def end_ms(self) -> float:
        return self.start_ms + (self.took_ms or 0.0)


@frozen
class Timeline:
    """The steps in the order in which they began; they may overlap. Empty for requests that were logged without."""

    steps: tuple[Step, ...] = ()

    @property
    def start_ms(self) -> float:
        return min((step.start_ms for step in self.steps), default=0.0)

    @property
    def end_ms(self) -> float:
        return max((step.end_ms for step in self.steps), default=0.0)


Headers = tuple[tuple[str, str], ...]
"""Names and values in the order of the wire, secrets masked."""


@frozen
class Received:
    """A request as its client sent it. ``api`` is the protocol it was read as, ``caller`` a fingerprint of its key."""

    method: str
    path: str
    headers: Headers
    read_ms: float = 0.0
    """What reading and understanding it took."""
    api: str = "chat"
    caller: str = ""


@frozen
class UpstreamRequest:
    """One request as it was sent to an upstream, and the head of what came back.

    ``body`` is the JSON text; empty where it is not kept. ``status`` is None where no answer came, and ``error`` says
    why. ``attempt`` counts from 1, over all upstreams of the request.
    """

    attempt: int
    target: str
    method: str
    url: str
    headers: Headers
    body: str
    status: int | None = None
    answer_headers: Headers = ()
    error: str = ""


@frozen
class RequestParts:
    """What of a request is only fetched when it is asked for.

    ``body`` is the client's, as sent; None where it is not kept. ``masked`` says that secrets were taken out of it or
    of what went upstream: it is then not what was sent.
    """

    received: Received | None = None
    body: dict[str, Any] | None = None
    upstream: tuple[UpstreamRequest, ...] = ()
    masked: bool = False
