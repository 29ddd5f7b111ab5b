"""Makes foreign text harmless, and numbers short.

Textual passes escape sequences, bidi and zero-width characters through to the terminal (facts/tui.md), so everything
that is drawn goes through :func:`clean` or :func:`one_line` first.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import cache

from rich.cells import cell_len, set_cell_size

from gateway_core.model import Counted, JsonObject

_INVISIBLE = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001345f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_UNUSABLE = "\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff" + "".join(
    f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 15)
)


@cache
def _foreign() -> re.Pattern[str]:
    return re.compile(
        f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_INVISIBLE}{_UNUSABLE}\U000f0000-\U0010ffff\U0001f1e6-\U0001f1ff]"
    )


@cache
def _stacked() -> re.Pattern[str]:
    return re.compile(
        "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{2})"
        "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
    )


@cache
def _unusable() -> re.Pattern[str]:
    return re.compile(f"[{_UNUSABLE}\U000f0000-\U0010ffff]")


_SPACES = re.compile(r"\s+")


def _shown(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if character in "\r\u2028\u2029\x85\x0b\x0c":
        return "\n"
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0x1F1E6 <= code <= 0x1F1FF:
        return chr(ord("A") + code - 0x1F1E6)
    if code < 0xA0 or _unusable().match(character):
        return "\ufffd"
    return ""


def clean(text: str) -> str:
    """``text`` without anything a terminal could act on; newlines and tabs stay.

    Control characters become their visible pictures, C1 and unusable code points the replacement character;
    bidi controls, joiners, variation selectors and tags are left out; flags become their letters and piles of combining
    marks are cut to two, so that the width that is counted is the width that is drawn.
    """
    if text.isascii():
        if text.isprintable() or text.replace("\n", "").isprintable():
            return text
        return _foreign().sub(_shown, text.replace("\r\n", "\n"))
    text = _foreign().sub(_shown, text.replace("\r\n", "\n"))
    return _stacked().sub(r"\1", unicodedata.normalize("NFC", text))


def one_line(text: str) -> str:
    """``text`` cleaned, on one line, runs of blanks made one; blanks at its ends stay, for they may be layout."""
    if text.isascii() and text.isprintable():
        return text
    text = clean(text)
    if text.isprintable():
        return text
    return _SPACES.sub(" ", text)


def preview(text: str) -> str:
    """``text`` as one line of a table."""
    return _SPACES.sub(" ", clean(text)).strip()


def fit(text: str, width: int, *, right: bool = False, ellipsis: str = "…") -> str:
    """``text`` in exactly ``width`` cells, cut with an ellipsis or filled with blanks. ``text`` must be clean."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        keep = max(0, width - len(ellipsis))
        return set_cell_size(set_cell_size(text, keep).rstrip(" ") + ellipsis[:width], width)
    return " " * (width - length) + text if right else text + " " * (width - length)


def shortened(text: str, width: int, *, ellipsis: str = "…") -> str:
    """``text`` in at most ``width`` cells, cut in its middle: models differ at both ends. ``text`` must be clean."""
    if cell_len(text) <= width:
        return text
    room = max(0, width - cell_len(ellipsis))
    tail, head = "", set_cell_size(text, room - room // 2).rstrip(" ")
    for character in reversed(text):
        if cell_len(character + tail) > room // 2:
            break
        tail = character + tail
    return f"{head}{ellipsis[: max(0, width)]}{tail}"


def dollars(microusd: int) -> str:
    """Money for a person: cents from a dollar up, more digits below, so that a cheap answer is not ``$0.00``."""
    size = abs(microusd) / 1_000_000
    sign = "-" if microusd < 0 else ""
    if size >= 1000:
        return f"{sign}${size:,.0f}"
    if size >= 0.995 or microusd == 0:
        return f"{sign}${size:.2f}"
    if size >= 0.01:
        return f"{sign}${size:.3f}"
    if size >= 0.0001:
        return f"{sign}${size:.4f}"
    return f"{sign}${size:.6f}"


def limit(microusd: int) -> str:
    """A spend limit: ``$15``, ``$0.50``, or ``off`` for 0."""
    if not microusd:
        return "off"
    if microusd % 1_000_000 == 0:
        return f"${microusd // 1_000_000}"
    return dollars(microusd) if microusd < 10_000 else f"${microusd / 1_000_000:.2f}"


def count(number: int) -> str:
    """``950``, ``12.3k``, ``4.1M``."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            value = number / size
            return f"{value:.1f}{unit}" if value < 99.95 else f"{value:.0f}{unit}"
    return str(number)


def tokens(number: int, how: Counted, at_most: str = "≤") -> str:
    """:func:`count` in five cells, with how it is known: ``~12k`` is about that many, ``≤13k`` at most.

    ``at_most`` may be ``<``, where there are only ASCII characters: the number is then one that it stays below.
    """
    if how is Counted.MEASURED or not number:
        return count(number)
    if how is Counted.ESTIMATED:
        return f"~{_rounded(number, round)}"
    return f"{at_most}{_rounded(number + (at_most == '<'), math.ceil)}"


def in_full(number: int, how: Counted) -> str:
    """``1,234``, ``about 1,234``, ``at most 1,234``."""
    words = {Counted.ESTIMATED: "about ", Counted.CEILING: "at most "} if number else {}
    return f"{words.get(how, '')}{number:,}"


def _rounded(number: int, how: Callable[[float], int]) -> str:
    """``950``, ``12k``, ``4M``."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number > 0.999 * size:
            return f"{how(number / size)}{unit}"
    return str(number)


def context(tokens: int) -> str:
    """A context length as models are described: ``32k`` for 32,768."""
    return f"{tokens // 1024}k" if tokens >= 1024 and tokens % 1024 == 0 else count(tokens)


def size(number_bytes: int) -> str:
    """Bytes as disks and models are sold: ``4.7 GB``."""
    for unit_bytes, unit in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if number_bytes >= unit_bytes:
            value = number_bytes / unit_bytes
            return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"
    return f"{number_bytes} B"


def milliseconds(value: float) -> str:
    """``4ms``, ``1.24s``, ``2m05s``."""
    if value < 999.5:
        return f"{value:.0f}ms"
    if value < 9_995:
        return f"{value / 1000:.2f}s"
    if value < 99_950:
        return f"{value / 1000:.1f}s"
    return f"{int(value // 60_000)}m{int(value // 1000) % 60:02d}s"


def time_saved(value_ms: float) -> str:
    """``840ms``, ``1.24s``, then ``4:07`` and ``9h 12m``."""
    return milliseconds(value_ms) if value_ms < 99_950 else duration(value_ms / 1000)


def duration(seconds: float) -> str:
    """A countdown: ``0:42``, ``4:07``, ``9h 12m``, ``3d 4h``."""
    whole = max(0, int(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    if whole < 172_800:
        return f"{whole // 3600}h {whole // 60 % 60:02d}m"
    return f"{whole // 86_400}d {whole // 3600 % 24}h"


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def clock_time(at: float, zone: tzinfo = UTC, *, seconds: bool = True) -> str:
    """The time of day in ``zone``."""
    try:
        moment = datetime.fromtimestamp(at, zone)
    except (OverflowError, ValueError, OSError):
        return "--:--:--" if seconds else "--:--"
    return moment.strftime("%H:%M:%S" if seconds else "%H:%M")


def clock_day(at: float, zone: tzinfo = UTC) -> str:
    """The date in ``zone``, ``YYYY-MM-DD``."""
    try:
        return datetime.fromtimestamp(at, zone).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return "----------"


def message_text(message: JsonObject) -> str:
    """The text of a wire message; parts that are not text are named, not shown."""
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return json.dumps(content, ensure_ascii=False, default=str)
    parts = []
    for part in content:
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            parts.append(part["text"])
        elif isinstance(part, dict):
            parts.append(_named(part))
        else:
            parts.append(str(part))
    return "\n".join(parts)


def _named(part: JsonObject) -> str:
    """A part of a message that is no text, in words: ``[image/png, 12.3 kB]``."""
    image = part.get("image_url")
    url = str(image.get("url", "")) if isinstance(image, dict) else ""
    head, comma, data = url.partition(",")
    if head.startswith("data:") and comma:
        return f"[{head[5:].partition(';')[0] or 'image'}, {size(len(data) * 3 // 4)}]"
    if url:
        return f"[image at {url[:120]}]"
    return f"[{part.get('type', 'part')}, {len(json.dumps(part, default=str)):,} bytes]"
