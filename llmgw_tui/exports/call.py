"""What an export repeats: the call as its client made it, as far as it is kept."""

from __future__ import annotations

from typing import Any

from gateway_core.frozen import frozen
from gateway_core.model import RequestDetail, RequestParts

FORMATS = ("curl", "python", "json")
SECRET = "GATEWAY_SECRET"
_REPEATED = ("anthropic-version", "anthropic-beta", "x-llmgw-cache")
"""Headers that change what a request means; the rest is its client's own business."""
_PATHS = {"messages": "/v1/messages", "responses": "/v1/responses", "embeddings": "/v1/embeddings"}
WITHOUT_PARAMETERS = "Only the messages were kept: parameters and tools of the request are missing."
MASKED = "Secrets were taken out of it: each stands as [masked]."


class NothingKept(Exception):
    """There is nothing to export; the message says why."""


@frozen
class Call:
    """A request to the gateway. ``address`` is without a path; ``notes`` are what a reader must know."""

    request_id: str
    address: str
    path: str
    api: str
    headers: tuple[tuple[str, str], ...]
    body: dict[str, Any]
    notes: tuple[str, ...] = ()


def call_of(detail: RequestDetail, parts: RequestParts | None, address: str) -> Call:
    """The call. Raises :class:`NothingKept`."""
    address = address.rstrip("/")
    if parts is not None and parts.body is not None and parts.received is not None:
        received = parts.received
        headers = tuple((name, value) for name, value in received.headers if name.lower() in _REPEATED)
        notes = (MASKED,) if parts.masked else ()
        path = _PATHS.get(received.api, "/v1/chat/completions")
        return Call(detail.row.id, address, path, received.api, headers, parts.body, notes)
    if detail.messages:
        body = {"model": detail.row.asked_model, "messages": list(detail.messages), "stream": detail.row.stream}
        return Call(detail.row.id, address, "/v1/chat/completions", "chat", (), body, (WITHOUT_PARAMETERS,))
    raise NothingKept("What was sent is not kept (KEEP_BODIES_DAYS): there is nothing to export.")
