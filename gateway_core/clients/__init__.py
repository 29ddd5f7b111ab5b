"""What is special about a client: its envelope, its session, who waits for the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway_core.clients.claude_code import read_claude_code
from gateway_core.clients.generic import read_generic
from gateway_core.clients.messages import lowered, messages_of
from gateway_core.clients.openclaw import read_openclaw
from gateway_core.model import ClientView, JsonObject, Lane

BACKGROUND_MODEL = "gateway-background"
"""The model id of what nobody waits for; any client may ask for it."""


def read_client(body: JsonObject, headers: Mapping[str, str]) -> ClientView:
    """The request as its client meant it where the client shows itself, else taken as it stands. Never raises.

    Whoever asks for the background model is in the background lane, whatever they say.
    """
    by_name, sent = lowered(headers), messages_of(body)
    known = read_openclaw(body, sent, by_name) or read_claude_code(body, sent, by_name)
    view = known or read_generic(body, sent, by_name)
    return replace(view, lane=Lane.BACKGROUND) if body.get("model") == BACKGROUND_MODEL else view
