"""A kept request as a Python script with the SDK that speaks its protocol."""

from __future__ import annotations

from pprint import pformat
from typing import Any

from llmgw_tui.exports.call import SECRET, Call

_CALLS = {
    "chat": "chat.completions.create",
    "messages": "messages.create",
    "responses": "responses.create",
    "embeddings": "embeddings.create",
}
_KNOWN = {
    "chat": ("model", "messages", "stream", "temperature", "top_p", "max_tokens", "max_completion_tokens", "tools"),
    "messages": ("model", "messages", "stream", "system", "max_tokens", "temperature", "top_p", "tools", "tool_choice"),
    "responses": ("model", "input", "stream", "instructions", "max_output_tokens", "temperature", "top_p", "tools"),
    "embeddings": ("model", "input", "dimensions"),
}
"""Parameters by name in every version of the SDKs; the others go as ``extra_body``, which takes any."""
_SHOWN = {
    "chat": (
        "for chunk in answer:\n    for choice in chunk.choices:\n"
        '        print(choice.delta.content or "", end="", flush=True)\nprint()'
    ),
    "messages": (
        'for event in answer:\n    if event.type == "content_block_delta":\n'
        '        print(getattr(event.delta, "text", ""), end="", flush=True)\nprint()'
    ),
    "responses": (
        'for event in answer:\n    if event.type == "response.output_text.delta":\n'
        '        print(event.delta, end="", flush=True)\nprint()'
    ),
}


def as_python(call: Call) -> str:
    """The script. It reads the key from ``GATEWAY_SECRET``, and another address from ``GATEWAY_URL``."""
    anthropic = call.api == "messages"
    package, client = ("anthropic", "Anthropic") if anthropic else ("openai", "OpenAI")
    suffix = "" if anthropic else ' + "/v1"'
    known = {name: call.body[name] for name in _KNOWN[call.api] if name in call.body}
    extra = {name: value for name, value in call.body.items() if name not in known}
    arguments = [f"    {name}={_literal(value)}," for name, value in known.items()]
    if extra:
        arguments.append(f"    extra_body={_literal(extra)},")
    if headers := {name: value for name, value in call.headers if name.lower() != "anthropic-version"}:
        arguments.append(f"    extra_headers={_literal(headers)},")
    streams = call.body.get("stream") is True and call.api in _SHOWN
    return "\n".join(
        [
            f'"""{call.request_id}, asked of llmgw again. pip install {package}"""',
            "",
            *(f"# {note}" for note in call.notes),
            "import os",
            "",
            f"from {package} import {client}",
            "",
            f'address = os.environ.get("GATEWAY_URL", {call.address!r})',
            f'client = {client}(base_url=address{suffix}, api_key=os.environ["{SECRET}"], timeout=900)',
            f"answer = client.{_CALLS[call.api]}(",
            *arguments,
            ")",
            _SHOWN[call.api] if streams else "print(answer.model_dump_json(indent=2))",
            "",
        ]
    )


def _literal(value: Any) -> str:
    """A Python literal on lines of its own; ``repr`` escapes what cannot be seen."""
    return pformat(value, width=100, sort_dicts=False).replace("\n", "\n    ")
