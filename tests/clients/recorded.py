"""Requests the real OpenClaw 2026.9.6 sent to a recording server; system prompts and tool lists are shortened."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway_core.clients import read_client
from gateway_core.model import ClientView, JsonObject
from gateway_core.wire.messages_requests import to_chat as messages_to_chat
from gateway_core.wire.responses_request import to_chat as responses_to_chat


@dataclass(frozen=True, slots=True)
class Recorded:
    headers: dict[str, str]
    body: JsonObject

    def view(self) -> ClientView:
        return read_client(self.body, self.headers)


def recorded(name: str) -> Recorded:
    """The request of that name, read anew so that a test may change it."""
    kept = json.loads((Path(__file__).parent / "data" / f"{name}.json").read_text("utf-8"))
    return Recorded(kept["headers"], kept["body"])


def recorded_session() -> list[Recorded]:
    """The fourteen requests of a session of ten turns, three of them with tool loops, one after the other.

    Each holds what the one before it held, less the carrier, then what was added, then the carrier again: OpenClaw sent
    exactly that, with tools and system prompt that were the same to the byte. Paths and the host's name are changed.
    """
    kept = json.loads((Path(__file__).parent / "data" / "session.json").read_text("utf-8"))
    messages, requests = [kept["system"]], []
    for request in kept["requests"]:
        messages = [*messages, *request["added"]]
        body = {**kept["front"], "messages": [*messages, kept["carrier"]], "tools": kept["tools"]}
        requests.append(Recorded({**kept["headers"], "traceparent": request["traceparent"]}, body))
    return requests


@dataclass(frozen=True, slots=True)
class InLane:
    """A request whose purpose was known when it was recorded, in the protocol that it was sent in."""

    api: str
    purpose: str
    sent: Recorded

    def view(self) -> ClientView:
        return read_client(TO_CHAT[self.api](self.sent.body), self.sent.headers)


TO_CHAT: dict[str, Callable[[JsonObject], JsonObject]] = {
    "completions": lambda body: body,
    "messages": messages_to_chat,
    "responses": responses_to_chat,
}


def recorded_lanes() -> list[InLane]:
    """One OpenClaw for each protocol (2026-11-28): heartbeats, cron jobs and wakes, a heartbeat's tool loop, a dream
    diary, and between them a person who asks about heartbeats and quotes one."""
    kept = json.loads((Path(__file__).parent / "data" / "lanes.json").read_text("utf-8"))
    return [
        InLane(api, request["purpose"], Recorded(request["headers"], request["body"]))
        for api, requests in kept.items()
        for request in requests
    ]
