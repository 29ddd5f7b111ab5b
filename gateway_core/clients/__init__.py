"""What is special about a client: its envelope, its session, who waits for the answer."""

from __future__ import annotations

from collections.abc import Mapping

from gateway_core.clients.generic import read_generic
from gateway_core.clients.messages import lowered
from gateway_core.clients.openclaw import read_openclaw
from gateway_core.model import ClientView, JsonObject


def read_client(body: JsonObject, headers: Mapping[str, str]) -> ClientView:
    """The request as its client meant it: OpenClaw's where it shows itself, else taken as it stands. Never raises."""
    by_name = lowered(headers)
    return read_openclaw(body, by_name) or read_generic(body, by_name)
