"""The conversations: what a client says, what the upstream answers, what must come of it. See ``data/*.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from tests.fakes.script import Failure, JsonObject, Raw, Reply, Step

DATA = Path(__file__).parent / "data"
PROTOCOLS = ("chat", "messages", "responses")
UPSTREAMS = ("anthropic", "groq", "openai", "ollama")
_STOPS = {
    "max_tokens": {"anthropic": "max_tokens"},
    "stop_sequence": {"anthropic": "stop_sequence", "groq": "stop", "openai": "stop", "ollama": "stop"},
    "refusal": {"anthropic": "refusal"},
}
"""How each upstream says it, ``length`` where nothing is said here."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tool(_Strict):
    name: str
    description: str
    parameters: JsonObject


class Part(_Strict):
    """One of text, an image (``png`` or an address) and a file (``pdf``)."""

    text: str | None = None
    image: str | None = None
    file: str | None = None


class Answer(_Strict):
    """What the upstream answers: a reply with its faults, a failure, or raw bytes."""

    text: str = ""
    tools: tuple[tuple[str, JsonObject], ...] = ()
    reasoning: str = ""
    stop: str | None = None
    drop_after: int | None = None
    end_after: int | None = None
    error_after: int | None = None
    stall_after: int | None = None
    failure: JsonObject | None = None
    raw: str | None = None

    def step(self, upstream: str) -> Step:
        if self.failure is not None:
            return Failure(**self.failure)
        if self.raw is not None:
            return Raw(self.raw.encode())
        fields = self.model_dump(exclude={"failure", "raw", "stop"})
        stop = _STOPS[self.stop].get(upstream, "length") if self.stop else None
        return Reply(**fields, stop=stop)


class Expected(_Strict):
    """What the client must see where it is not simply the reply."""

    finish: str | None = None
    reasoning: str = ""
    error: str | None = None
    status: int | None = None
    partial: bool = False


class Result(_Strict):
    """A tool's result, in the order of the calls."""

    text: str
    image: str | None = None
    error: bool = False


class Said(_Strict):
    """What an assistant said before the gateway was asked."""

    text: str
    calls: tuple[tuple[str, JsonObject], ...] = ()


class Turn(_Strict):
    """One step: somebody speaks, tools answer, or (``reply``) the gateway is asked."""

    user: str | tuple[Part, ...] | None = None
    developer: str | None = None
    assistant: Said | None = None
    results: tuple[Result, ...] = ()
    fresh: bool = False
    """A new conversation begins."""
    reply: Answer | None = None
    times: int = 1
    """How often the upstream answers so."""
    then: Answer | None = None
    """What the upstream answers when it is asked again."""
    leave: bool = False
    """The client hangs up after the first piece."""
    expect: Expected = Expected()
    sent: tuple[str, ...] | dict[str, tuple[str, ...]] = ()
    """What the upstream must have been sent."""

    def must_be_sent(self, upstream: str) -> tuple[str, ...]:
        return self.sent.get(upstream, ()) if isinstance(self.sent, dict) else self.sent


class Conversation(_Strict):
    """One conversation, in no protocol."""

    name: str
    turns: tuple[Turn, ...]
    protocols: tuple[str, ...] = PROTOCOLS
    upstreams: tuple[str, ...] = UPSTREAMS
    streamed_only: bool = False
    system: str | tuple[str, ...] = ()
    repeat: JsonObject | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    parallel: bool | None = None
    format: JsonObject | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int = 2048
    effort: str | None = None
    user_id: str | None = None
    temperature: float | None = None
    origin: str = Field(default="")
    """Where it was recorded, for those that were."""

    @property
    def systems(self) -> tuple[str, ...]:
        given = (self.system,) if isinstance(self.system, str) else self.system
        if self.repeat is None:
            return given
        return tuple(text.format(rules=self.repeat["rules"] * self.repeat["times"]) for text in given)


def load() -> list[Conversation]:
    """All conversations."""
    found: list[Conversation] = []
    for file in sorted(DATA.glob("*.yaml")):
        entries: list[Any] = yaml.safe_load(file.read_text("utf-8"))
        found.extend(Conversation.model_validate(entry) for entry in entries)
    return found
