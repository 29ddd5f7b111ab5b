"""How many tokens a request may have, without a tokenizer: an estimate, and a ceiling to reserve money against.

Measured on OpenClaw 2026.9.6: a first turn of 65 kB is about 14,000 tokens, so the estimate takes 4.4 ASCII characters
a token. The ceiling counts what tokenizers cut finest one by one: digits, punctuation, bytes outside ASCII, and every
character of text that has hardly a space in it (base64, hexadecimal, minified code) or is digits and signs for the most
part. Held against SmolLM2's tokenizer, whose 49,000 words make it one of the finest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from string import ascii_letters
from typing import Any

import orjson

from gateway_core.model import JsonObject, RequestSize
from gateway_core.wire.json_values import positive

_CHARACTERS_PER_TOKEN = 4.4
_MESSAGE_TOKENS = 4
_MESSAGE_CEILING = 12
_TOOLS_CEILING = 800
"""What a provider's own tool instructions add (Anthropic: 300 to 700)."""
_IMAGE_TOKENS = 1_500
_IMAGE_CEILING = 5_000
_UNSEEN_TOKENS = 20_000
_UNSEEN_CEILING = 1_000_000
"""What a document can have that only the provider reads (by its URL or id): the largest context of today's models."""
_SPARSE = 16
"""Text with fewer than one space in so many characters counts as dense."""

_SHORT, _LONG, _LONGEST = 128, 8_192, 131_072
"""Characters from which a text's ceiling is remembered, from which it is among the few long ones, and up to which."""

_COUNTED = ("tools", "response_format", "functions", "prediction")
"""Fields besides the messages that providers count as tokens."""

_LETTERS = ascii_letters.encode()
_BLANKS = b" \n\t\r"
_SPACES = b" \n"
_COARSE = _LETTERS + _BLANKS


@dataclass(slots=True)
class _Parts:
    """What of a body is counted. Data of images and files is never among the texts."""

    texts: list[str]
    tools_json: bytes
    messages: int
    tools: int
    images: int
    file_bytes: int
    unseen: int = 0


def estimate_tokens(body: JsonObject) -> int:
    """The likely number of prompt tokens, tools included."""
    return _estimate(_parts(body))


def ceiling_tokens(body: JsonObject) -> int:
    """A number of prompt tokens that the true count does not exceed in practice."""
    return _ceiling(_parts(body))


def measure(body: JsonObject, body_bytes: int | None = None) -> RequestSize:
    """What the request needs of a model. ``body_bytes`` is its size as received; counted when not given."""
    parts = _parts(body)
    form = body.get("response_format")
    kind = form.get("type") if isinstance(form, dict) else None
    return RequestSize(
        input_tokens=_estimate(parts),
        input_tokens_ceiling=_ceiling(parts),
        max_output_tokens=_output_limit(body),
        tools=parts.tools,
        images=parts.images,
        wants_json=kind in ("json_object", "json_schema"),
        body_bytes=len(orjson.dumps(body)) if body_bytes is None else body_bytes,
    )


def message_tokens(message: JsonObject) -> int:
    """The likely number of tokens of one message, rounded up: the messages of a body come to no less than it."""
    parts = _Parts([], b"", 1, 0, 0, 0)
    _add_message(parts, message)
    return _estimate(parts)


def text_tokens(text: str) -> int:
    """The likely number of tokens of a text."""
    return int(_text_estimate(text)) + 1 if text else 0


def most_characters(tokens: int) -> int:
    """Characters that an answer of so many tokens can have: no model writes 32 to a token on average."""
    return tokens * 32 + 1024


def text_ceiling(text: str) -> int:
    """A number of tokens that the text does not exceed in practice."""
    data = text.encode("utf-8", "surrogatepass")
    size = len(data)
    if " " not in text and "\n" not in text:
        return size
    rest = data.translate(None, _LETTERS)  # to count the spaces of text takes ten times as long
    signs = rest.translate(None, _SPACES)
    fine = len(signs)
    spaces = len(rest) - fine
    if b"\t" in signs or b"\r" in signs:
        fine = len(signs.translate(None, _BLANKS))
    if spaces * _SPARSE < size or fine * 5 > size * 2:
        return size
    return _mixed_ceiling(size, fine)


@lru_cache(maxsize=512)
def _turn_ceiling(text: str) -> int:
    """An agent sends what was said, and what its tools told, with every request: a fourth of the time or less. What is
    remembered is never more than 16 MB, and a tenth of that as a rule."""
    return text_ceiling(text)


@lru_cache(maxsize=16)
def _long_ceiling(text: str) -> int:
    """An agent sends its system prompt with every request. What is remembered is never more than 8 MB."""
    return text_ceiling(text)


def _text_estimate(text: str) -> float:
    if text.isascii():
        return len(text) / _CHARACTERS_PER_TOKEN
    extra = len(text.encode("utf-8", "surrogatepass")) - len(text)
    return len(text) / _CHARACTERS_PER_TOKEN + extra * 0.4


def _mixed_ceiling(size: int, fine: int) -> int:
    """``fine`` bytes a token each, the letters and spaces between them three for five: more than random words take."""
    return fine + (size - fine) * 3 // 5 + 1


def _estimate(parts: _Parts) -> int:
    text = 0.0
    for said in parts.texts:
        text += len(said) / _CHARACTERS_PER_TOKEN if said.isascii() else _text_estimate(said)
    text += len(parts.tools_json) / _CHARACTERS_PER_TOKEN
    extras = parts.messages * _MESSAGE_TOKENS + parts.images * _IMAGE_TOKENS + parts.file_bytes // 8
    return int(text) + extras + parts.unseen * _UNSEEN_TOKENS + 1


def _ceiling(parts: _Parts) -> int:
    total = 0
    for text in parts.texts:
        size = len(text)
        if _SHORT <= size <= _LONGEST:
            total += (_turn_ceiling if size < _LONG else _long_ceiling)(text)
        else:
            total += text_ceiling(text)
    if parts.tools_json:
        fine = len(parts.tools_json.translate(None, _COARSE))
        total += _mixed_ceiling(len(parts.tools_json), fine) + _TOOLS_CEILING
    total += parts.messages * _MESSAGE_CEILING + parts.images * _IMAGE_CEILING
    return total + parts.file_bytes + (_UNSEEN_CEILING if parts.unseen else 0) + 16


def _output_limit(body: JsonObject) -> int | None:
    one, other = positive(body.get("max_completion_tokens")), positive(body.get("max_tokens"))
    return min(one, other) if one and other else one or other


def _parts(body: JsonObject) -> _Parts:
    tools = body.get("tools")
    parts = _Parts([], b"", 0, len(tools) if isinstance(tools, list) else 0, 0, 0)
    for name in _COUNTED:
        if name in body and (value := body[name]):
            parts.tools_json += orjson.dumps(value)
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            parts.messages += 1
            _add_message(parts, message)
    return parts


def _add_message(parts: _Parts, message: JsonObject) -> None:
    content = message.get("content")
    if isinstance(content, str):
        parts.texts.append(content)
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict):
                _add_part(parts, part)
    for key, value in message.items():
        if key not in ("content", "role"):
            parts.texts += _strings(value)


def _add_part(parts: _Parts, part: JsonObject) -> None:
    kind = part.get("type")
    if kind in ("image_url", "image", "input_image"):
        parts.images += 1
    elif kind in ("file", "document", "input_file", "input_audio", "container_upload"):
        parts.unseen += _is_unseen(part)
        parts.file_bytes += sum([len(text) for text in _strings(part)])
    else:
        parts.texts += _strings(part)


def _is_unseen(part: JsonObject) -> bool:
    source, file = part.get("source"), part.get("file")
    if isinstance(source, dict):
        return source.get("type") in ("url", "file")
    return part.get("type") == "container_upload" or (isinstance(file, dict) and "file_data" not in file)


def _strings(value: Any) -> list[str]:
    """Every string inside a JSON value, in any order; a loop, since a body may nest deeper than Python recurses."""
    if isinstance(value, str):
        return [value]
    found: list[str] = []
    stack = [value]
    while stack:
        inner = stack.pop()
        kind = type(inner)
        if kind is str:
            found.append(inner)
        elif kind is dict:
            stack += inner.values()
        elif kind is list:
            stack += inner
    return found
