"""Notes when each step of a request began and ended, in about a microsecond a step."""

from __future__ import annotations

import time
from types import TracebackType

from gateway_core.traces import Step

CUT_OFF = "cut off"


class Running:
    """One step under way; a ``with`` block ends it, and says that it was cut off where an exception does."""

    __slots__ = ("_began", "name", "outcome", "start_ms", "target", "took_ms")

    def __init__(self, began: float, name: str, target: str) -> None:
        self._began = began
        self.name = name
        self.target = target
        self.outcome = ""
        self.start_ms = (time.monotonic() - began) * 1000
        self.took_ms: float | None = None

    def end(self, outcome: str = "") -> None:
        """Ends it, once; a later call changes nothing."""
        if self.took_ms is None:
            self.took_ms = (time.monotonic() - self._began) * 1000 - self.start_ms
            self.outcome = outcome or self.outcome

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.end(CUT_OFF if kind is not None and not self.outcome else "")


class Stopwatch:
    """The steps of one request. ``began`` is ``time.monotonic()`` of its arrival."""

    __slots__ = ("_began", "_steps")

    def __init__(self, began: float, read_ms: float = 0.0) -> None:
        self._began = began
        self._steps: list[Running] = []
        if read_ms:
            received = Running(began, "received", "")
            received.start_ms, received.took_ms = -read_ms, read_ms
            self._steps.append(received)

    def begin(self, name: str, target: str = "") -> Running:
        """A step that begins now."""
        step = Running(self._began, name, target)
        self._steps.append(step)
        return step

    def mark(self, name: str, outcome: str = "") -> None:
        """A moment."""
        step = self.begin(name)
        step.took_ms, step.outcome = 0.0, outcome

    def drop(self, step: Running) -> None:
        """Forgets a step that was none."""
        self._steps.remove(step)

    def steps(self, *, ended: bool) -> tuple[Step, ...]:
        """The steps so far; of a request that has ``ended`` none goes on."""
        now_ms = (time.monotonic() - self._began) * 1000
        steps = []
        for step in self._steps:
            took_ms, outcome = step.took_ms, step.outcome
            if took_ms is None and ended:
                took_ms, outcome = max(0.0, now_ms - step.start_ms), outcome or CUT_OFF
            took_ms = None if took_ms is None else round(took_ms, 3)
            steps.append(Step(step.name, round(step.start_ms, 3), took_ms, outcome, step.target))
        return tuple(steps)
