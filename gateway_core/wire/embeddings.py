"""OpenAI's embeddings: what is asked, what is answered, and vectors as float32 bytes in between."""

from __future__ import annotations

import binascii
import math
import struct
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import orjson

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject, Refusal
from gateway_core.wire.errors import invalid_request
from gateway_core.wire.json_values import as_object
from gateway_core.wire.tokens import text_tokens
from gateway_core.wire.usage import count

MOST_INPUTS = 2_048
MOST_TOKENS = 300_000
"""Of all inputs together. Both limits are OpenAI's (its API reference, 2026-11)."""
MOST_DIMENSIONS = 16_384
_UNIT = 1e-3
"""How far from 1 the length of a vector may be that counts as normalised."""

Vector = bytes
"""Coordinates as little-endian float32, which is what OpenAI's ``base64`` encodes."""


@frozen
class EmbeddingsRequest:
    """Texts to embed, in order. ``extras`` are fields that OpenAI does not know, such as ``input_type``."""

    model: str
    texts: tuple[str, ...]
    as_base64: bool
    dimensions: int | None
    user: str | None
    extras: JsonObject


@frozen
class Embedded:
    """A vector for each text, in order. ``prompt_tokens`` is None where the server does not count them.

    ``windowed`` counts the texts that were too long for the model and became the mean of their windows.
    """

    vectors: tuple[Vector, ...]
    prompt_tokens: int | None
    windowed: int = 0


def read_request(body: JsonObject) -> EmbeddingsRequest | Refusal:
    """The request of a body, or the first thing that is wrong with it."""
    model, given = body.get("model"), body.get("input")
    if not isinstance(model, str) or not model.strip() or len(model) > 256:
        return invalid_request("model: must be the name of a model", "model")
    texts: Any = [given] if isinstance(given, str) else given
    if problem := _input_problem(texts):
        return invalid_request(f"input: {problem}", "input")
    encoding, dimensions, user = body.get("encoding_format"), body.get("dimensions"), body.get("user")
    if encoding not in (None, "float", "base64"):
        return invalid_request("encoding_format: must be float or base64", "encoding_format")
    if dimensions is not None and (type(dimensions) is not int or not 1 <= dimensions <= MOST_DIMENSIONS):
        return invalid_request(f"dimensions: must be a number from 1 to {MOST_DIMENSIONS}", "dimensions")
    if user is not None and not isinstance(user, str):
        return invalid_request("user: must be a string", "user")
    known = ("model", "input", "encoding_format", "dimensions", "user")
    extras = {name: value for name, value in body.items() if name not in known}
    return EmbeddingsRequest(model.strip(), tuple(texts), encoding == "base64", dimensions, user, extras)


def _input_problem(texts: Any) -> str:
    if not isinstance(texts, list) or not texts:
        return "must be a text or a list of texts, at least one"
    if len(texts) > MOST_INPUTS:
        return f"{len(texts)} texts are more than the {MOST_INPUTS} that one request may have"
    if all(type(item) is int or isinstance(item, list) for item in texts):
        return (
            "token lists are not taken, because every model cuts tokens of its own: send the texts "
            "(LangChain: check_embedding_ctx_length=False)"
        )
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            return f"[{index}] must be a text"
        if not text:
            return f"[{index}] is empty: leave it out, an empty text has no embedding"
    tokens = sum(map(text_tokens, texts))
    if tokens > MOST_TOKENS:
        return f"about {tokens} tokens are more than the {MOST_TOKENS} that one request may have: send fewer texts"
    return ""


# --- vectors -----------------------------------------------------------------------------------------------------


def pack(coordinates: Sequence[float]) -> Vector:
    """The vector of these coordinates. Raises ``struct.error`` for what is no number, or too large for float32."""
    try:
        return struct.pack(f"<{len(coordinates)}f", *coordinates)
    except OverflowError:
        raise struct.error("too large") from None


def unpack(vector: Vector) -> tuple[float, ...]:
    """The coordinates of a vector."""
    return struct.unpack(f"<{len(vector) // 4}f", vector)


def read_vector(value: Any) -> Vector | None:
    """A vector as a server gives it, a list of numbers or base64, made one of length 1; None where it is none."""
    try:
        if isinstance(value, str):
            raw = b64decode(value, validate=True)
            coordinates: Sequence[float] = unpack(raw) if len(raw) % 4 == 0 else ()
        elif isinstance(value, list) and all(type(number) in (float, int) for number in value):
            coordinates = value
        else:
            return None
        length = math.hypot(*coordinates)
        if not math.isfinite(length) or length == 0:
            return None
        if abs(length - 1) > _UNIT:
            coordinates = [number / length for number in coordinates]
        return pack(coordinates)
    except (binascii.Error, ValueError, OverflowError, struct.error):
        return None


def read_vectors(values: Any, expected: int) -> tuple[Vector, ...] | None:
    """``expected`` vectors of one size; None where they are not."""
    if not isinstance(values, list) or len(values) != expected:
        return None
    vectors = [read_vector(value) for value in values]
    sound = [vector for vector in vectors if vector is not None]
    return tuple(sound) if len(sound) == expected and len({len(vector) for vector in sound}) == 1 else None


def read_answer(body: JsonObject, expected: int) -> Embedded | None:
    """An answer in OpenAI's format with ``expected`` vectors, which may come in any order; None where it is none."""
    data = body.get("data")
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        return None
    places = [item.get("index", place) for place, item in enumerate(data)]
    if sorted(place for place in places if type(place) is int) != list(range(expected)):
        return None
    by_place = {place: item.get("embedding") for place, item in zip(places, data, strict=True)}
    vectors = read_vectors([by_place[place] for place in range(expected)], expected)
    tokens = count(as_object(body.get("usage")).get("prompt_tokens"))
    return None if vectors is None else Embedded(vectors, tokens or None)


# --- the answer --------------------------------------------------------------------------------------------------


def render_vector(vector: Vector, as_base64: bool) -> bytes:
    """A vector as JSON."""
    return b'"%b"' % b64encode(vector) if as_base64 else orjson.dumps(unpack(vector))


def render_answer(model: str, vectors: Sequence[bytes], usage: JsonObject) -> bytes:
    """The body of an answer; ``vectors`` are rendered already."""
    items = [
        b'{"object":"embedding","index":%d,"embedding":%b}' % (index, vector) for index, vector in enumerate(vectors)
    ]
    head = (b",".join(items), orjson.dumps(model), orjson.dumps(usage))
    return b'{"object":"list","data":[%b],"model":%b,"usage":%b}' % head
