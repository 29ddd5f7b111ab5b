"""What went over the wire for a request, as it is kept beside its messages: large parts as pieces, each kept once.

What a client sent, what went upstream and the messages that are kept anyway are mostly the same words, and mostly those
of the turn before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from operator import is_not
from typing import Any, Protocol

import orjson
from pydantic import TypeAdapter

from gateway_core.frozen import frozen
from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import JsonObject
from gateway_core.store.codec import to_bytes, to_json, unpack
from gateway_core.store.pieces import PIECE_BYTES, Kept, Looks, keep, texts_of
from gateway_core.store.worded_parts import restored
from gateway_core.traces import Received, RequestParts

_PIECE = "#piece"
"""The name that stands for a piece, with its number."""
_ODD = orjson.dumps(_PIECE)
_MESSAGES = 0
"""The number that stands for all of the messages; pieces count from 1."""
_BEGINS_BYTES = 64


class Recorded(Protocol):
    """What went over the wire for a request; asked in the store's thread."""

    @property
    def looks(self) -> Looks: ...

    @property
    def received(self) -> Received | None: ...

    @property
    def body(self) -> JsonObject:
        """The client's, as sent."""

    @property
    def sent(self) -> Sequence[tuple[JsonObject, bytes]]:
        """What went upstream: all but the body, and the body."""


@frozen
class _Cut:
    """A JSON text that is kept as a piece, to be known again in another text."""

    text: bytes
    number: int

    @property
    def is_plain(self) -> bool:
        """Whether it can stand in another text only as a value: in a string its first quote would be escaped, and
        behind the quote that ends one there is no letter."""
        begins = self.text[:4].removeprefix(b"[")
        return begins.startswith(b'{"') and begins[2:3].isalpha()

    def out_of(self, text: bytes) -> bytes:
        """``text`` with a mark for the first place where the piece is.

        To look for its beginning takes microseconds, where ``bytes.replace`` takes 0.8 ms to study 40 kB of it.
        """
        begins = self.text[:_BEGINS_BYTES]
        at = text.find(begins)
        while at >= 0 and not text.startswith(self.text, at):
            at = text.find(begins, at + 1)
        if at < 0:
            return text
        return b"".join((text[:at], to_bytes({_PIECE: self.number}), text[at + len(self.text) :]))


class Division:
    """Divides what is kept of one request into pieces and the little that is left."""

    def __init__(self, connection: sqlite3.Connection, at: float, secrets: KnownSecrets, wire: Recorded | None) -> None:
        self._connection, self._at, self._secrets, self._wire = connection, at, secrets, wire
        self._cuts: list[_Cut] = []
        self._messages: Sequence[JsonObject] | None = None
        """Where a mark may stand for all of them."""
        self._masked = False
        self._are_clean = True

    def messages(self, messages: Sequence[JsonObject]) -> bytes:
        """The messages without known secrets, as JSON."""
        texts = [to_bytes(message) for message in messages]
        large = [number for number, text in enumerate(texts) if len(text) >= PIECE_BYTES or _ODD in text]
        kept = self._kept([texts[number] for number in large])
        left = texts.copy()
        for number, one in zip(large, kept, strict=True):
            left[number] = to_bytes({_PIECE: one.said})
        written = _listed(left)
        clean = self._secrets.without_in(written)
        self._are_clean = clean is written and not any(one.hides for one in kept)
        if self._wire is not None and not any(one.masked for one in kept):
            if self._wire.looks.without(clean) is written:
                self._messages = messages
                self._is_cut(_listed(texts), _MESSAGES)
            for number, one in zip(large, kept, strict=True):
                self._is_cut(texts[number], one.sent)
        return clean

    def clean(self, messages: Sequence[JsonObject]) -> Sequence[JsonObject]:
        """The messages without known secrets, to be read in."""
        return messages if self._are_clean else self._secrets.without(messages)

    def parts(self, wire: Recorded) -> bytes:
        """What went over the wire, without secrets and what looks like one, as JSON."""
        sent = wire.sent
        bodies = to_bytes([self._divided(wire.body, cut=False), *[self._sent(content) for _, content in sent]])
        heads = to_bytes({"received": wire.received, "upstream": [head for head, _ in sent]})
        clean = wire.looks.without(self._secrets.without_in(bodies))
        masked = b"true" if self._masked or clean is not bodies else b"false"
        return b'{"masked":%s,"bodies":%s,"heads":%s}' % (masked, clean, self._secrets.without_in(heads))

    def _sent(self, content: bytes) -> Any:
        left, marks = content, 0
        for cut in self._cuts:
            if len(left) < PIECE_BYTES:
                break
            shorter = cut.out_of(left)
            marks += shorter is not left
            left = shorter
        if left.count(_ODD) == marks:
            return _tree(left) if len(left) < PIECE_BYTES else self._divided(_tree(left), cut=True)
        return self._divided(_tree(content), cut=False)

    def _divided(self, tree: Any, *, cut: bool) -> Any:
        """The tree with marks for its large parts. With ``cut`` there are marks in it, else what only looks like one
        is a piece."""
        places: list[tuple[bytes, dict[str, int]]] = []

        def part(value: Any) -> Any:
            if not isinstance(value, (dict, list, tuple)) and (not isinstance(value, str) or len(value) < PIECE_BYTES):
                return value
            text = to_bytes(value)
            stays = cut or _ODD not in text if len(text) < PIECE_BYTES else cut and _ODD in text
            if stays:
                return value
            places.append((text, {}))
            return places[-1][1]

        if not isinstance(tree, dict) or (_PIECE in tree and not cut):
            made = part(tree)
        else:
            made = {}
            for name, value in tree.items():
                if not isinstance(value, (list, tuple)) or name == "tools":
                    made[name] = part(value)
                elif not cut and self._are_messages(value):
                    made[name] = {_PIECE: _MESSAGES}
                else:
                    made[name] = [part(one) for one in value]
        for (text, place), one in zip(places, self._kept([text for text, _ in places]), strict=True):
            place[_PIECE] = one.sent
            self._masked = self._masked or one.masked
            if not one.masked:
                self._is_cut(text, one.sent)
        self._cuts.sort(key=_size, reverse=True)
        return made

    def _are_messages(self, value: Sequence[Any]) -> bool:
        known = self._messages
        return known is not None and len(value) == len(known) and not any(map(is_not, value, known))

    def _is_cut(self, text: bytes, number: int) -> None:
        if (cut := _Cut(text, number)).is_plain:
            self._cuts.append(cut)

    def _kept(self, texts: Sequence[bytes]) -> list[Kept]:
        looks = self._wire.looks if self._wire else None
        return keep(self._connection, self._at, texts, self._secrets, looks)


def _size(cut: _Cut) -> int:
    return len(cut.text)


def _listed(texts: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(texts) + b"]"


def _tree(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")


def read_messages(connection: sqlite3.Connection, blob: bytes | None) -> tuple[Any, ...]:
    """What :meth:`Division.messages` made, packed; nothing where it is damaged."""
    with suppress(ValueError, LookupError):
        if blob and isinstance(found := unpack(blob), list):
            return tuple(_whole(connection, found, ()))
    return ()


def read_answer(blob: bytes | None) -> Any:
    """The answer as it was packed; None where there is none, or it is damaged."""
    with suppress(ValueError):
        return unpack(blob) if blob else None
    return None


def read_parts(connection: sqlite3.Connection, request_id: str) -> RequestParts | None:
    """What is kept; None where nothing is. Raises ``ValueError`` or ``LookupError`` when it is damaged."""
    found = connection.execute("SELECT messages, parts FROM bodies WHERE request_id = ?", (request_id,)).fetchone()
    if found is None or found[1] is None:
        return None
    kept = unpack(found[1])
    if "texts" in kept:
        tree = restored(kept, unpack(found[0]) if found[0] else ())
    else:
        messages = _whole(connection, unpack(found[0]), ()) if found[0] else ()
        body, *bodies = _whole(connection, kept["bodies"], messages)
        tree = {**kept["heads"], "masked": kept["masked"], "body": body}
        for sent, body in zip(tree["upstream"], bodies, strict=True):
            sent["body"] = body
    for sent in tree["upstream"]:
        sent["body"] = sent["body"] if isinstance(sent["body"], str) else to_json(sent["body"])
    parts = _kind().validate_python(tree)
    return replace(parts, body=tree["body"])


@cache
def _kind() -> TypeAdapter[RequestParts]:
    return TypeAdapter(RequestParts)


def _whole(connection: sqlite3.Connection, value: Any, messages: Any) -> Any:
    """The tree with what its marks stand for."""
    pieces = texts_of(connection, [number for number in _marks(value) if number != _MESSAGES])

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(one) for one in part]
        if not isinstance(part, dict):
            return part
        number = part.get(_PIECE)
        if number is None:
            return {name: whole(one) for name, one in part.items()}
        return messages if number == _MESSAGES else orjson.loads(pieces[number])

    return whole(value)


def _marks(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        if (number := value.get(_PIECE)) is not None:
            yield number
        else:
            for part in value.values():
                yield from _marks(part)
    elif isinstance(value, list):
        for part in value:
            yield from _marks(part)
