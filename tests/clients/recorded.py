"""Requests the real OpenClaw 2026.9.6 sent to a recording server; system prompts and tool lists are shortened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from gateway_core.clients import read_client
from gateway_core.model import ClientView, JsonObject


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
