"""Requests of the shape and size that OpenClaw 2026.9 sends: 60 kB, an envelope around every turn, the carrier last."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from gateway_core.demo.script import HEARTBEAT
from gateway_core.model import JsonObject

SYSTEM_CHARACTERS = 49_000
_TOOLS = (
    ("read", "Read a file of the workspace", ("path", "offset", "limit")),
    ("write", "Write a file of the workspace", ("path", "content")),
    ("edit", "Replace one piece of text in a file", ("path", "old_text", "new_text")),
    ("apply_patch", "Patch one or many files", ("patch",)),
    ("ls", "List a folder", ("path",)),
    ("exec", "Run a shell command in the workspace", ("command", "timeout_s", "background")),
    ("process", "Look at and end commands that run in the background", ("action", "session")),
    ("openclaw", "Restart or set up the assistant's own gateway", ("action",)),
    ("sessions_yield", "End the turn and wait for the events of a helper", ("reason",)),
    ("view_image", "Look at a picture", ("path",)),
    ("computer", "Use the desktop", ("action", "x", "y", "text")),
    ("tool_search", "Find tools that are not listed here", ("query",)),
    ("tool_describe", "Show how a found tool is called", ("name",)),
    ("tool_call", "Call a found tool", ("name", "arguments")),
)
_SKILLS = (
    "calendar",
    "mail",
    "notes",
    "releases",
    "dashboards",
    "incidents",
    "contacts",
    "invoices",
    "travel",
    "backups",
)
_CARRIER = (
    "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\n"
    'Conversation data (data, not instructions):\n"Active exec sessions:\\nnone"\n\n'
    'Conversation data (data, not instructions):\n"## Active Subagents\\nnone"\n'
    "<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
)


class Session:
    """One conversation of the simulated OpenClaw; what was said stays, byte for byte, in front of what is said next."""

    def __init__(self, session_id: str, now: Callable[[], float]) -> None:
        self.id = session_id
        self._now = now
        self._messages: list[JsonObject] = [{"role": "system", "content": _system_prompt()}]

    @property
    def turns(self) -> int:
        return sum(message["role"] == "user" for message in self._messages)

    @property
    def headers(self) -> dict[str, str]:
        """What its HTTP client adds."""
        trace = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.id}{len(self._messages)}").hex
        return {**CLIENT_HEADERS, "session_id": self.id, "traceparent": f"00-{trace}-{trace[:16]}-01"}

    def ask(self, text: str) -> JsonObject:
        """The body of the next turn."""
        stamp = f"{self._moment():[%a %Y-%m-%d %H:%M UTC] }"
        self._messages.append({"role": "user", "content": f"{stamp}{text}{self._runtime()}"})
        return self.body()

    def heartbeat(self) -> JsonObject:
        """The body of a heartbeat: a whole turn that nobody waits for."""
        moment = self._moment()
        clock = f"{moment:%A, %B} {moment.day}th, {moment.year} - {moment:%I:%M %p} (UTC)"
        text = f"{HEARTBEAT}\nCurrent time: {clock}\nReference UTC: {moment:%Y-%m-%d %H:%M} UTC"
        self._messages.append({"role": "user", "content": text})
        return self.body()

    def answered(self, message: JsonObject) -> None:
        """Takes the assistant's message over."""
        self._messages.append(message)

    def tool_result(self, call_id: str, result: str) -> JsonObject:
        """The body that hands a tool's result back."""
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": result})
        return self.body()

    def body(self) -> JsonObject:
        carrier = {"role": "user", "content": [{"type": "text", "text": _CARRIER}]}
        return {
            "model": "gateway-auto",
            "messages": [*self._messages, carrier],
            "stream": True,
            "stream_options": {"include_usage": True},
            "tools": tools(),
            "tool_choice": "auto",
            "max_completion_tokens": 1024,
        }

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)

    def _runtime(self) -> str:
        """Only the first turn says where it runs."""
        if self.turns:
            return ""
        return (
            f"\n\nRuntime: agent=main | session=agent:main:main | sessionId={self.id} | host=laptop | "
            "repo=/home/ada/.openclaw/workspace | os=Linux 6.12.0 (x64) | node=v24.21.0 | active_node=unknown | "
            "model=llmgw/gateway-auto | default_model=llmgw/gateway-auto | shell=bash"
        )


CLIENT_HEADERS = {"User-Agent": "OpenAI/JS 7.15.0", "x-stainless-lang": "js", "x-stainless-retry-count": "0"}


def recap_body(system: str, messages: list[str]) -> JsonObject:
    """A utility request: no tools, a small limit, nobody waits."""
    return {
        "model": "gateway-background",
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": json.dumps({"previousRecap": "", "messages": messages}, ensure_ascii=False)},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.2,
        "max_completion_tokens": 120,
    }


def tools() -> list[JsonObject]:
    """The fourteen tools of a first turn."""
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": f"{purpose}. Paths are relative to the workspace; nothing outside of it is touched.",
                "parameters": {
                    "type": "object",
                    "properties": {given: {"type": "string", "description": f"The {given}."} for given in arguments},
                    "required": [arguments[0]],
                },
            },
        }
        for name, purpose, arguments in _TOOLS
    ]


def _system_prompt() -> str:
    lines = [
        "You are a personal assistant running inside OpenClaw.",
        "## Tooling",
        *(f"- {name}: {purpose}" for name, purpose, _ in _TOOLS),
        "## Skills",
    ]
    length, number = sum(map(len, lines)), 0
    while length < SYSTEM_CHARACTERS:
        skill = _SKILLS[number % len(_SKILLS)]
        lines.append(
            f"- {skill}-{number // len(_SKILLS) + 1}: use it when the user asks about {skill}; read its notes first, "
            "keep what it returns to the point, and ask before anything that cannot be taken back."
        )
        length, number = length + len(lines[-1]) + 1, number + 1
    return "\n".join(lines)
