"""Reads a filter of requests: ``tier:premium cost>0.01 !"stack trace" since:2h``.

Terms stand between blanks and must all hold; ``!`` before one turns it round. What is no condition is words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from gateway_core.frozen import frozen
from gateway_core.model import CacheStatus, Lane, Status, Tier
from gateway_core.request_terms import FIELDS, QUANTITIES, Compared, Filter, Named, Term, When, Words, lower
from gateway_core.search_words import words_of

LONGEST = 500
"""Characters of a filter."""

_CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "tier": {name: (name,) for name in (*Tier, "cache")},
    "lane": {name: (name,) for name in Lane},
    "status": {name: (name,) for name in Status},
    "cache": {**{name: (name,) for name in CacheStatus}, "hit": (CacheStatus.EXACT, CacheStatus.SEMANTIC)},
}
"""What some fields can be, by the words for it."""
_MOMENTS = ("at", "since", "before")
_ALSO = {"from": "client", "latency": "took", "input": "in", "output": "out"}
NAMES = (*FIELDS, *QUANTITIES, *_MOMENTS)

_PIECE = re.compile(r'(?:"[^"]*(?:"|$)|[^\s"])+')
_CONDITION = re.compile(r"([A-Za-z_]+)(:?(?:>=|<=|>|<|=)|:)(.*)", re.DOTALL)
_VALUE = re.compile(r'(?:"[^"]*(?:"|$)|[^,"])+')
_NUMBER = re.compile(r"\$?(\d{1,15}(?:\.\d{0,9})?|\.\d{1,9})([a-z]*)")
_UNITS: Mapping[str, Mapping[str, float]] = {
    "cost": {"": 1e6, "$": 1e6, "ct": 1e4},
    "tokens": {"": 1, "k": 1e3, "m": 1e6},
    "took": {"": 1e3, "ms": 1, "s": 1e3, "m": 60e3, "min": 60e3},
}
_UNITS_OF = {"saved": "cost", "in": "tokens", "out": "tokens", "ttft": "took"}
_EXAMPLES = {"cost": "0.01 (dollars)", "tokens": "10k", "took": "2s, 500ms or 1m"}
_AGO = re.compile(r"(\d{1,6})(s|m|h|d|w)")
_AGO_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLOCK = re.compile(r"\d{1,2}:\d\d")
_DAY_S = 86_400.0
_ENDLESS = 1e15


class _Wrong(Exception):
    """A term that cannot be understood; the text says what is known."""


class _Unfinished(Exception):
    """A term that may still become something else; the text says how it could go on."""


@frozen
class _Piece:
    """A term as it stands in the text. ``open``: somebody may be typing at its end."""

    text: str
    at: int
    open: bool


def parse(text: str, now: float, *, typing: bool = False) -> Filter:
    """The filter that ``text`` means at the Unix time ``now``; never raises.

    With ``typing`` a last term that may still become another is left out until a blank or the end of typing decides.
    """
    if len(text) > LONGEST:
        return Filter(problem=f"A filter has at most {LONGEST} characters.", at=LONGEST)
    text = text.encode("utf-8", "replace").decode()
    terms: list[Term] = []
    decided: list[str] = []
    hint = ""
    for piece in _pieces(text, typing):
        inverted = piece.text.startswith("!")
        body = piece.text[inverted:]
        try:
            test = _test(body, now, piece.open)
        except _Unfinished as unfinished:
            hint = str(unfinished)
        except _Wrong as wrong:
            where = f" (at character {piece.at + 1})" if piece.at else ""
            return Filter(problem=f"{wrong}{where}", at=piece.at, decided=" ".join(decided))
        else:
            if test is not None:
                terms.append(Term(test, inverted))
                decided.append(piece.text)
    return Filter(tuple(terms), hint=hint, decided=" ".join(decided))


def _pieces(text: str, typing: bool) -> Iterator[_Piece]:
    for match in _PIECE.finditer(text):
        yield _Piece(match.group(), match.start(), typing and match.end() == len(text))


def _test(body: str, now: float, is_open: bool) -> Words | Named | Compared | When | None:
    if not body:
        return None
    found = _CONDITION.fullmatch(body)
    if found is None or body.startswith('"'):
        return _words(body, is_open)
    name, sign, value = found.group(1).lower(), found.group(2), found.group(3)
    name = _ALSO.get(name, name)
    if name in FIELDS:
        return _named(name, sign, value, body, is_open)
    if name in QUANTITIES:
        return _compared(name, sign, value, body, is_open)
    if name in _MOMENTS:
        return _when(name, sign, value, body, now, is_open)
    return _unknown(name, sign, value, body, is_open)


def _words(body: str, is_open: bool) -> Words | None:
    whole = body.startswith('"') and body.endswith('"') and len(body) > 1
    text = body.replace('"', "")
    if not text:
        return None
    if is_open and '"' not in body and (names := [name for name in NAMES if name.startswith(body.lower())]):
        raise _Unfinished("  ".join(f"{name}>" if name in QUANTITIES else f"{name}:" for name in names))
    words = words_of(text)
    return Words(words, whole) if words else Words((), sign=text)


def _named(name: str, sign: str, value: str, body: str, is_open: bool) -> Named | Words | None:
    if sign not in (":", "="):
        raise _Wrong(f"{name} takes a word: {name}:WORD")
    values = [part for match in _VALUE.finditer(value) if (part := match.group().replace('"', ""))]
    choices = _CHOICES.get(name)
    if not values:
        if is_open:
            raise _Unfinished(f"{name}: {', '.join(choices)}" if choices else f"{name}: any part of it; a,b for either")
        return _words(body, False)
    if choices is None:
        return Named(name, tuple(dict.fromkeys(map(lower, values))), exact=False)
    chosen: list[str] = []
    for value in map(str.lower, values):
        meant = [choices[value]] if value in choices else [to for word, to in choices.items() if word.startswith(value)]
        if not meant:
            raise _Wrong(f"no {name} is called {value}; choose {', '.join(choices)}")
        chosen += (str(one) for several in meant for one in several)
    return Named(name, tuple(dict.fromkeys(chosen)), exact=True)


def _compared(name: str, sign: str, value: str, body: str, is_open: bool) -> Compared | Words:
    kind = _UNITS_OF.get(name, name)
    sign = sign.lstrip(":") or "="
    if is_open and value in ("", "$", "."):
        raise _Unfinished(f"{name}{sign} a number: {_EXAMPLES[kind]}")
    if not value and body.endswith(":"):
        return _words(body, False) or Words((), sign=body)
    found = _NUMBER.fullmatch(value.lower().replace(",", ""))
    units = _UNITS[kind]
    if found is None or found.group(2) not in units:
        raise _Wrong(f"{name}{sign} needs a number, such as {_EXAMPLES[kind]}")
    if is_open and kind == "took" and found.group(2) in ("m", "mi"):
        raise _Unfinished(f"{name}{sign}{value}: m is minutes, ms is milliseconds; a space ends it")
    return Compared(name, sign, round(float(found.group(1)) * units[found.group(2)], 6))


def _when(name: str, sign: str, value: str, body: str, now: float, is_open: bool) -> When | Words | None:
    if sign not in (":", "="):
        raise _Wrong(f"{name} needs a colon: {name}:today")
    if not value and not is_open:
        return _words(body, False)
    known = "today, yesterday or 2026-11-23" if name == "at" else "2h, 3d, today, 14:30 or 2026-11-23 (UTC)"
    moment = _moment(value.lower(), now)
    if moment is None or (name == "at" and not moment[1]):
        if is_open and (re.fullmatch(r"[\dTt:.-]*", value) or _begins(value.lower())):
            raise _Unfinished(f"{name}: {known}")
        raise _Wrong(f"{name}: needs {known}")
    first, length_s = moment
    if name == "at":
        return When(first, first + length_s)
    return When(first, _ENDLESS) if name == "since" else When(-_ENDLESS, first)


def _begins(value: str) -> bool:
    return "today".startswith(value) or "yesterday".startswith(value)


def _moment(value: str, now: float) -> tuple[float, float] | None:
    """A moment, and how long it lasts: a UTC day does, an hour ago does not."""
    if found := _AGO.fullmatch(value):
        return now - int(found.group(1)) * _AGO_S[found.group(2)], 0.0
    today = now // _DAY_S * _DAY_S
    if value in ("today", "yesterday"):
        return (today if value == "today" else today - _DAY_S), _DAY_S
    try:
        if _CLOCK.fullmatch(value):
            clock = datetime.strptime(value, "%H:%M")
            return today + timedelta(hours=clock.hour, minutes=clock.minute).total_seconds(), 0.0
        moment = datetime.fromisoformat(value)
        in_zone = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return in_zone.timestamp(), 0.0 if len(value) > 10 else _DAY_S
    except (ValueError, OverflowError):
        return None


def _unknown(name: str, sign: str, value: str, body: str, is_open: bool) -> Words | None:
    """Prose has colons and signs too: only what looks like a condition is one that does not exist."""
    if sign != ":" and (not value or _NUMBER.fullmatch(value.lower())):
        raise _Wrong(f"no number is called {name}; choose {', '.join(QUANTITIES)}, or quote it")
    if sign == ":" and value and (near := get_close_matches(name, NAMES, 1, cutoff=0.75)):
        raise _Wrong(f"no field is called {name}; did you mean {near[0]}? Quote it to find the words")
    return _words(body, is_open)
