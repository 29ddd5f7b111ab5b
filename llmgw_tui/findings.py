"""What the doctor finds."""

from __future__ import annotations

from gateway_core.frozen import frozen


@frozen
class Finding:
    """``level`` is ``ok``, ``note`` or ``fail``; ``text`` says what to do."""

    level: str
    text: str


MARKS = {"ok": "ok   ", "note": "note ", "fail": "FAIL "}
