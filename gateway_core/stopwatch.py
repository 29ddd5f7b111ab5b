"""Notes when each step of a request began and ended, in about a microsecond a step."""

from __future__ import annotations

from time import monotonic_ns
from types import TracebackType

from gateway_core.traces import Step

CUT_OFF = "cut off"


class Running:
    """One step under way; a ``with`` block ends it, and says that it was cut off where an exception does.

    ``began_us`` and ``ended_us`` are microseconds of the monotonic clock.
    """

    __slots__ = ("began_us", "ended_us", "name", "outcome", "target")

    def __init__(self, name: str, target: str = "") -> None:
        self.name = name
        self.target = target
        self.outcome = ""
        self.ended_us: int | None = None
        self.began_us = monotonic_ns() // 1000

    @property
    def took_ms(self) -> float:
        """Until now where it goes on."""
        ended_us = monotonic_ns() // 1000 if self.ended_us is None else self.ended_us
        return (ended_us - self.began_us) / 1000

    def end(self, outcome: str = "") -> None:
        """Ends it, once; a later call changes nothing."""
        if self.ended_us is None:
            self.ended_us = monotonic_ns() // 1000
            self.outcome = outcome or self.outcome

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self.ended_us is None:
            self.ended_us = monotonic_ns() // 1000
            if kind is not None and not self.outcome:
                self.outcome = CUT_OFF


class Stopwatch:
    """The steps of one request. ``began`` is ``time.monotonic()`` of its arrival."""

    __slots__ = ("_began_us", "_steps")

    def __init__(self, began: float, read_ms: float = 0.0) -> None:
        self._began_us = int(began * 1_000_000)
        self._steps: list[Running] = []
        if read_ms:
            received = self.begin("received")
            received.began_us, received.ended_us = self._began_us - round(read_ms * 1000), self._began_us

    def begin(self, name: str, target: str = "") -> Running:
        """A step that begins now."""
        step = Running(name, target)
        self._steps.append(step)
        return step

    def mark(self, name: str, outcome: str = "") -> None:
        """A moment."""
        step = self.begin(name)
        step.ended_us, step.outcome = step.began_us, outcome

    def drop(self, step: Running) -> None:
        """Forgets a step that was none."""
        self._steps.remove(step)

    def steps(self, *, ended: bool) -> tuple[Step, ...]:
        """The steps so far; of a request that has ``ended`` none goes on."""
        steps = [_cut_off(step) if ended and step.ended_us is None else step for step in self._steps]
        return tuple(
            [
                Step(
                    step.name,
                    (step.began_us - self._began_us) / 1000,
                    None if step.ended_us is None else (step.ended_us - step.began_us) / 1000,
                    step.outcome,
                    step.target,
                )
                for step in steps
            ]
        )


def _cut_off(step: Running) -> Running:
    """What a step that goes on is taken for where its request has ended."""
    ended = Running(step.name, step.target)
    ended.began_us, ended.outcome = step.began_us, step.outcome
    ended.end(step.outcome or CUT_OFF)
    return ended
