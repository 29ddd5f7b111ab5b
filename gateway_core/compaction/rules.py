"""What may be left out of old messages, in the order in which it is given up.

Rules look at one message of an old turn. A message they change keeps its role, its calls and their ids, so that the
conversation stays one that every server takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_object
from gateway_core.wire.tokens import text_tokens

RESULT_ROLES = ("tool", "function")
WORTH_REPEATING = 200
"""Characters from which a result that comes again is replaced by a word that it does."""
_RESULT = (700, 300)
_SPOKEN = (1_200, 600)
_ARGUMENT = (250, 100)
"""Characters of a text's head and tail that stay."""
_WORTH_CUTTING = 1.4
"""How much longer than that a text is at least: a cut must be worth its mark."""
_BREAK_WITHIN = 120
"""A cut moves back to the end of a line that is so near."""
_DEEPEST = 8
_THOUGHTS = ("thinking_blocks", "reasoning_content", "reasoning")
_BLOBS = ("image_url", "image", "input_image", "file", "document", "input_file", "input_audio", "container_upload")
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/=_-])(?:data:[a-z0-9.+/;=-]{3,60}base64,)?[A-Za-z0-9+/=_-]{400,}")


@frozen
class Rule:
    """``change`` makes the shorter message of a message and the id of its mark; None where there is nothing to do.

    ``one`` and ``many`` say what was done to a message and to several, ``why`` why that does the least harm.
    """

    name: str
    one: str
    many: str
    why: str
    change: Callable[[JsonObject, str], JsonObject | None]
    roles: tuple[str, ...] = ("user", "assistant", *RESULT_ROLES)
    only_repeated: bool = False
    """Only for a result of a tool that comes again, word by word."""


def _repeated(message: JsonObject, mark: str) -> JsonObject | None:
    return {**message, "content": f"[llmgw left this out: the same result comes again further down: {mark}]"}


def _result(message: JsonObject, mark: str) -> JsonObject | None:
    return _in_texts(message, lambda text: _cut(text, *_RESULT, mark))


def _thoughts(message: JsonObject, mark: str) -> JsonObject | None:
    kept = {name: value for name, value in message.items() if name not in _THOUGHTS}
    return kept if len(kept) < len(message) else None


def _blobs(message: JsonObject, mark: str) -> JsonObject | None:
    content = message.get("content")
    if isinstance(content, list) and any(part.get("type") in _BLOBS for part in content):
        parts = [_instead_of(part, mark) if part.get("type") in _BLOBS else part for part in content]
        message = {**message, "content": parts}
    made = _in_texts(message, lambda text: _ENCODED.sub(lambda found: _encoded(found[0], mark), text))
    return made or (message if message.get("content") is not content else None)


def _spoken(message: JsonObject, mark: str) -> JsonObject | None:
    return _in_texts(message, lambda text: _cut(text, *_SPOKEN, mark))


def _arguments(message: JsonObject, mark: str) -> JsonObject | None:
    calls = message.get("tool_calls")
    if not calls:
        return None
    made = [_shorter_call(call, mark) for call in calls]
    return {**message, "tool_calls": made} if made != calls else None


RULES = (
    Rule(
        "repeated result",
        "repeated tool result left out",
        "repeated tool results left out",
        "the newest copy is still there",
        _repeated,
        RESULT_ROLES,
        only_repeated=True,
    ),
    Rule(
        "tool result",
        "tool result cut",
        "tool results cut",
        "what was in it has been used by the answer to it, and the tool can be called again",
        _result,
        RESULT_ROLES,
    ),
    Rule(
        "thinking",
        "thought left out",
        "thoughts left out",
        "models are not meant to read their old thoughts; they go whole, for a signature holds for the whole",
        _thoughts,
        ("assistant",),
    ),
    Rule(
        "image or data",
        "image or data block left out",
        "images or data blocks left out",
        "it has been looked at, and takes the room of a page of text",
        _blobs,
    ),
    Rule(
        "long text",
        "long text cut",
        "long texts cut",
        "a paste or an essay is mostly known by how it begins and ends",
        _spoken,
        ("user", "assistant"),
    ),
    Rule(
        "call",
        "tool call's arguments cut",
        "tool calls' arguments cut",
        "what was written to a file is in the file",
        _arguments,
        ("assistant",),
    ),
)
FOLDED = "turn"
"""The last rule, which looks at whole turns: the oldest are replaced by one mark that says what the user asked."""


def result_text(message: JsonObject) -> str:
    """A tool's result where it is nothing but text."""
    content = message.get("content")
    if isinstance(content, list):
        texts = [part.get("text") for part in content]
        return "\n".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else ""
    return content if isinstance(content, str) else ""


def _in_texts(message: JsonObject, change: Callable[[str], str]) -> JsonObject | None:
    """The message with its texts changed; None where none of them is."""
    content = message.get("content")
    if isinstance(content, str):
        made: Any = change(content)
    elif isinstance(content, list):
        made = [
            {**part, "text": change(part["text"])} if isinstance(part.get("text"), str) else part for part in content
        ]
    else:
        return None
    return {**message, "content": made} if made != content else None


def _cut(text: str, head: int, tail: int, mark: str) -> str:
    """The text without its middle where it is long."""
    if len(text) < (head + tail) * _WORTH_CUTTING:
        return text
    line = text.rfind("\n", head - _BREAK_WITHIN, head)
    begins = text[: line if line > 0 else head]
    line = text.find("\n", len(text) - tail, len(text) - tail + _BREAK_WITHIN)
    ends = text[line + 1 if line > 0 else len(text) - tail :]
    gone = text_tokens(text[len(begins) : len(text) - len(ends)])
    return f"{begins}\n[llmgw left out {gone:,} of {text_tokens(text):,} tokens here: {mark}]\n{ends}"


def _instead_of(part: JsonObject, mark: str) -> JsonObject:
    kind = "image" if "image" in str(part.get("type")) else "file"
    return {"type": "text", "text": f"[llmgw left out the {kind} that was here: {mark}]"}


def _encoded(data: str, mark: str) -> str:
    return f"[llmgw left out {len(data):,} characters of encoded data here: {mark}]"


def _shorter_call(call: JsonObject, mark: str) -> JsonObject:
    function = as_object(call.get("function"))
    try:
        arguments = json.loads(function.get("arguments") or "")
        made = _shorter(arguments, mark, 0)
        if made == arguments or not isinstance(made, dict):
            return call
        text = json.dumps(made, ensure_ascii=False)
        text.encode()
    except (ValueError, TypeError, RecursionError):
        return call
    return {**call, "function": {**function, "arguments": text}}


def _shorter(value: Any, mark: str, depth: int) -> Any:
    if isinstance(value, str):
        return _cut(value, *_ARGUMENT, mark)
    if depth < _DEEPEST and isinstance(value, dict):
        return {name: _shorter(inner, mark, depth + 1) for name, inner in value.items()}
    if depth < _DEEPEST and isinstance(value, list):
        return [_shorter(inner, mark, depth + 1) for inner in value]
    return value
