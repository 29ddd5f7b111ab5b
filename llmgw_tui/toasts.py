"""What is said in the corner for a moment: the newest few, and what is said again is counted instead of stacked."""

from __future__ import annotations

from dataclasses import dataclass

from textual.notifications import Notification, Notifications, SeverityLevel

MOST, MOST_WHERE_SMALL = 3, 1
SMALL_BELOW = 18
"""Lines of a terminal below which more than one would hide what they are about."""


@dataclass
class Toast(Notification):
    """What was said, and how often."""

    text: str = ""
    times: int = 1


def most(height: int) -> int:
    """How many a terminal of ``height`` lines has room for."""
    return MOST if height >= SMALL_BELOW else MOST_WHERE_SMALL


def add(shown: Notifications, text: str, severity: SeverityLevel, timeout_s: float, height: int) -> None:
    """Adds ``text``, already clean, to what is ``shown`` in a terminal of ``height`` lines; the oldest give way."""
    times = 1
    for one in list(shown):
        if isinstance(one, Toast) and one.text == text:
            times = one.times + 1
            del shown[one]
    for one in list(shown)[: max(0, len(shown) - most(height) + 1)]:
        del shown[one]
    message = f"{text} (x{times})" if times > 1 else text
    shown.add(Toast(message, severity=severity, timeout=timeout_s, text=text, times=times))
