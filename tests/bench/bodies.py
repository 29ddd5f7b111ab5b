"""What is asked: a short question, and a turn of OpenClaw's of 63 kB, with its system prompt, history and 25 tools."""

from __future__ import annotations

import json
from dataclasses import dataclass

from gateway_core.demo.openclaw import CLIENT_HEADERS, Session
from gateway_core.model import JsonObject
from tests.bench.load import NUMBER

QUESTION = f"Request {NUMBER}: what is the difference between a process and a thread?"
SENT_AT = 1_795_000_000.0
TOOLS = 25
LARGE_BYTES = 63_000
_VERBS = ("read", "write", "search", "send", "schedule")
_NOUNS = ("file", "session", "message", "reminder", "image")
_KINDS = ("string", "integer", "boolean", "string", "array")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its body without a model, and the headers that its client adds."""

    body: JsonObject
    headers: dict[str, str]

    def text(self, model: str, *, stream: bool) -> str:
        """The body in JSON, for a model, streamed with its usage at the end or not at all."""
        streamed = {"stream": True, "stream_options": {"include_usage": True}} if stream else {"stream": False}
        rest = {name: value for name, value in self.body.items() if name not in ("stream", "stream_options")}
        return json.dumps({**rest, "model": model, **streamed})


def small() -> Asked:
    """A question of one line."""
    said = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": QUESTION}]
    return Asked({"messages": said, "temperature": 0, "max_tokens": 256}, {})


def openclaw() -> Asked:
    """The fourth turn of a conversation, in OpenClaw's envelope."""
    session = Session("bench", lambda: SENT_AT)
    for number in range(3):
        session.ask(f"Look at part {number} of the parser, please, and tell what it does.")
        call = {"name": "read_file", "arguments": json.dumps({"path": f"src/parser_{number}.py", "limit": 200})}
        calls = [{"id": f"call_{number}", "type": "function", "function": call}]
        session.answered({"role": "assistant", "content": None, "tool_calls": calls})
        session.tool_result(f"call_{number}", f"def part_{number}(text):\n    return text.split()\n" * 12)
        session.answered({"role": "assistant", "content": f"Part {number} cuts a text into its words."})
    session.ask(QUESTION)
    body = {**session.body(), "tools": [_tool(number) for number in range(TOOLS)]}
    system, *others = body["messages"]
    too_long = len(json.dumps(body)) - LARGE_BYTES
    shortened = {**system, "content": system["content"][: len(system["content"]) - too_long]}
    return Asked({**body, "messages": [shortened, *others]}, {**CLIENT_HEADERS, "session_id": session.id})


def _tool(number: int) -> JsonObject:
    name = f"{_VERBS[number % 5]}_{_NOUNS[number // 5]}"
    arguments = {
        f"{_NOUNS[place]}_{place}": {
            "type": kind,
            "description": f"What the {_NOUNS[place]} is that the tool should {_VERBS[place]}, if it is not the last.",
            **({"items": {"type": "string"}} if kind == "array" else {}),
        }
        for place, kind in enumerate(_KINDS[: 3 + number % 3])
    }
    schema = {"type": "object", "properties": arguments, "required": list(arguments)[:2], "additionalProperties": False}
    purpose = f"Use it to {name.replace('_', ' a ')} of the workspace; it asks before what cannot be taken back."
    return {"type": "function", "function": {"name": name, "description": purpose, "parameters": schema}}


BODIES = {"small": small, "OpenClaw": openclaw}
