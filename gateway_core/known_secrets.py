"""The secrets in use, taken word for word out of what is recorded of requests and answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import quote

import orjson

from gateway_core.traces import MASKED

T = TypeVar("T")
SHORTEST = 6
"""A secret below it is too short to be looked for: half of all words would have it in them."""


@dataclass(slots=True)
class KnownSecrets:
    """Looks for each secret as it is, as in JSON and as in a URL. More can be hidden at any time, from any thread."""

    _forms: tuple[str, ...] = ()
    """The longest first."""
    _in_json: tuple[bytes, ...] = ()
    """How each of them is written in a string of JSON."""
    begun_digest: Any = field(default_factory=sha256, compare=False)
    """A hash that has taken in all of them: to be copied for a text that they are taken out of."""

    def hide(self, secrets: Iterable[str]) -> None:
        """Has these taken out too, from now on; those of before stay hidden."""
        forms = set(self._forms)
        for secret in secrets:
            if len(secret) >= SHORTEST:
                forms |= {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
                forms |= {quote(secret, safe=safe, errors="replace") for safe in ("/", "")}
        self._in_json = tuple(json.dumps(form, ensure_ascii=False)[1:-1].encode("utf-8", "replace") for form in forms)
        self._forms = tuple(sorted(forms, key=len, reverse=True))
        self.begun_digest = sha256(b"\0".join(sorted(self._in_json)))

    def masked(self, text: str) -> str:
        """``text`` with ``[masked]`` for each secret; the same object where there is none."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASKED)
        return text

    def beginning(self, text: str, length: int) -> str:
        """The first characters of ``text`` without a secret, nor half of one at the cut."""
        longest = len(self._forms[0]) if self._forms else 0
        return self.masked(text[: length + longest])[:length]

    def without(self, value: T) -> T:
        """A tree of JSON, or of frozen dataclasses, without secrets; the same object where there is none.

        What is divided over the parts of a list is looked for in each part alone.
        """
        try:
            if not self._is_in(orjson.dumps(value)):  # a tenth of looking through its parts: 0.2 ms for 175 kB
                return value
        except (TypeError, ValueError):  # lone surrogates, integers beyond 64 bits
            pass
        made: T = self._without(value)
        return made

    def holds(self, value: object) -> bool:
        """Whether there is a secret in what :meth:`without` takes."""
        return self.without(value) is not value

    def without_in(self, text: bytes) -> bytes:
        """JSON text without secrets; the same object where there is none."""
        if not self._is_in(text):
            return text
        value = orjson.loads(text)
        made = self._without(value)
        return text if made is value else orjson.dumps(made)

    def _is_in(self, text: bytes) -> bool:
        for form in self._in_json:  # noqa: SIM110 - a generator takes three times as long
            if form in text:
                return True
        return False

    def _without(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.masked(value) if type(value) is str else value
        if isinstance(value, Mapping):
            made = [(self._without(name), self._without(part)) for name, part in value.items()]
            same = all(name is old and part is value[old] for (name, part), old in zip(made, value, strict=True))
            return value if same else dict(made)
        if isinstance(value, (list, tuple)):
            parts = [self._without(part) for part in value]
            if all(old is new for old, new in zip(value, parts, strict=True)):
                return value
            return parts if isinstance(value, list) else tuple(parts)
        if is_dataclass(value) and not isinstance(value, type):
            old = {field.name: getattr(value, field.name) for field in fields(value)}
            changed = {name: new for name, part in old.items() if (new := self._without(part)) is not part}
            return replace(value, **changed) if changed else value
        return value
