"""Where the screen's time comes from; tests freeze it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from gateway_core.frozen import frozen


class ScreenClock(Protocol):
    """The time now and the zone it is shown in."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    @property
    def zone(self) -> tzinfo: ...


def _local_zone() -> tzinfo:
    return datetime.now().astimezone().tzinfo or UTC


@frozen
class LocalClock:
    """The machine's clock and its zone."""

    zone: tzinfo = field(default_factory=_local_zone)

    def now(self) -> float:
        return time.time()


@dataclass
class FrozenClock:
    """A clock that stands still until it is set."""

    at: float
    zone: tzinfo = UTC

    def now(self) -> float:
        return self.at
