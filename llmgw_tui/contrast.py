"""How far apart two colours are to the eye: WCAG 2.2's contrast ratio, 1 to 21."""

from __future__ import annotations

import re
from functools import lru_cache

Rgb = tuple[int, int, int]
READABLE = 4.5
"""The least ratio for text (WCAG 2.2, success criterion 1.4.3)."""


def rgb(colour: str) -> Rgb:
    """``#rrggbb`` as three numbers. Raises ``ValueError`` for anything else."""
    if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
        raise ValueError(f"{colour!r} is not a colour like #1a2b3c")
    number = int(colour[1:], 16)
    return number >> 16, number >> 8 & 255, number & 255


def name(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


@lru_cache(maxsize=1024)
def ratio(one: Rgb, other: Rgb) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable(ink: Rgb, ground: Rgb, towards: Rgb) -> Rgb:
    """``ink``, moved ``towards`` a colour until it can be read on ``ground``, or that colour."""
    for step in range(9):
        moved = _between(ink, towards, step / 8)
        if ratio(moved, ground) >= READABLE:
            return moved
    return towards


def nearest(colour: Rgb, among: dict[Rgb, str]) -> str:
    """The name of the colour that is closest."""
    return among[min(among, key=lambda other: sum((a - b) ** 2 for a, b in zip(colour, other, strict=True)))]


def _between(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (part / 255 for part in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
