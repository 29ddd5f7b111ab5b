"""Time and ids, passed in so that tests can set them."""

from __future__ import annotations

import random
import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, for durations."""
        ...


class SystemClock:
    """The machine's clock."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


def new_request_id() -> str:
    """A short id that sorts by time: ``req_`` and 20 characters. It is no secret."""
    return f"req_{int(time.time() * 1000):011x}{random.getrandbits(36):09x}"
