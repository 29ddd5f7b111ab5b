"""What is special about a client: its envelope, its session, who waits for the answer."""

from __future__ import annotations

from collections.abc import Mapping

from gateway_core.clients.claude_code import read_claude_code
from gateway_core.clients.generic import read_generic
from gateway_core.clients.messages import lowered
from gateway_core.clients.openclaw import read_openclaw
from gateway_core.model import ClientView, JsonObject


def read_client(body: JsonObject, headers: Mapping[str, str]) -> ClientView:
    """The request as its client meant it where the client shows itself, else taken as it stands. Never raises."""
    by_name = lowered(headers)
    known = read_openclaw(body, by_name) or read_claude_code(body, by_name)
    return known or read_generic(body, by_name)
