"""How fast a model reads and writes, from the answers it really gave."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from statistics import median

from gateway_core.clock import Clock
from gateway_core.local_values import LocalModel, ModelSpeed
from gateway_core.model import JsonObject, Usage
from gateway_core.wire.openai_chat import has_content
from gateway_core.wire.timings import Timing

LEAST_OUTPUT_TOKENS = 16
LEAST_OUTPUT_S = 0.2
LEAST_PROMPT_TOKENS = 128
"""Shorter ones say more of the fixed costs than of the speed."""
LEAST_STREAMED_TOKENS = 32
LEAST_STREAMED_S = 1.0
"""For what is measured from outside, where packets come in bursts."""
NEWEST_COUNTS = 0.2
"""The share of the newest answer in the average, once there are five."""
LEAST_LOAD_S = 0.5
"""What takes less is no model that comes from a disk."""
_JUST_LOADED_S = 0.1
"""A model that took that long to load has kept nothing of an earlier prompt."""
_SUSPICIOUS = 2.0
"""A prompt read so many times faster than usual was partly cached."""


def measured(speed: ModelSpeed, timing: Timing, at: float) -> ModelSpeed:
    """The speed with one answer more; the same where it was too short to say something."""
    after = speed
    if timing.output_tokens >= LEAST_OUTPUT_TOKENS and timing.output_s >= LEAST_OUTPUT_S:
        pace = timing.output_tokens / timing.output_s
        average = _average(speed.tokens_per_s, pace, speed.answers)
        after = replace(after, tokens_per_s=average, answers=speed.answers + 1, measured_at=at)
    if timing.prompt_tokens >= LEAST_PROMPT_TOKENS and timing.prompt_s > 0:
        after = _with_prompt(after, timing, at)
    if timing.load_s >= LEAST_LOAD_S:
        after = replace(after, load_s=_average(speed.load_s, timing.load_s, speed.loads), loads=speed.loads + 1)
    return after


def load_seconds(model: LocalModel, models: Iterable[LocalModel]) -> float | None:
    """How long a model will take to load: as it did before, else by its size as others of the same server did; None
    where nothing was measured."""
    if model.loaded or model.speed.load_s is not None:
        return 0.0 if model.loaded else model.speed.load_s
    rates = [other.size_bytes / other.speed.load_s for other in models if other.size_bytes and other.speed.load_s]
    return model.size_bytes / median(rates) if rates and model.size_bytes else None


def _with_prompt(speed: ModelSpeed, timing: Timing, at: float) -> ModelSpeed:
    """Where cached tokens are counted as read, a cached prompt seems fast and no prompt seems slow: so one that is far
    faster than usual is left out, and one that is far slower shows that those before were cached."""
    pace, usual, prompts = timing.prompt_tokens / timing.prompt_s, speed.prompt_tokens_per_s, speed.prompts
    if timing.counts_cached and usual is not None:
        is_cold = timing.load_s >= _JUST_LOADED_S
        if pace > _SUSPICIOUS * usual and not is_cold:
            return speed
        if pace * _SUSPICIOUS < usual or (is_cold and pace > _SUSPICIOUS * usual):
            usual, prompts = None, 0
    average = _average(usual, pace, prompts)
    return replace(speed, prompt_tokens_per_s=average, prompts=prompts + 1, measured_at=at)


def _average(before: float | None, now: float, many: int) -> float:
    if before is None:
        return now
    share = max(NEWEST_COUNTS, 1 / (many + 1))
    return before + share * (now - before)


class Stopwatch:
    """Times one streamed answer from outside, for a server that tells no timings.

    Between :meth:`saw` and :meth:`taken` the piece is with the client: a slow one must not make the model seem slow.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._first_s: float | None = None
        self._last_s = 0.0
        self._waited_s = 0.0
        self._handed_s = 0.0
        self._usage: Usage | None = None

    def saw(self, body: JsonObject, usage: Usage | None) -> None:
        """A piece has come."""
        now_s = self._clock.monotonic()
        self._usage = usage or self._usage
        if has_content(body):
            if self._first_s is None:
                self._first_s, self._waited_s = now_s, 0.0
            self._last_s = now_s
        self._handed_s = now_s

    def taken(self) -> None:
        """The client has it, and the next one is asked for."""
        self._waited_s += self._clock.monotonic() - self._handed_s

    def timing(self) -> Timing | None:
        """What it comes to; None where that says nothing of the model."""
        if self._first_s is None or self._usage is None or self._usage.estimated:
            return None
        spent_s, tokens = self._last_s - self._first_s, self._usage.output_tokens
        if tokens < LEAST_STREAMED_TOKENS or spent_s < LEAST_STREAMED_S or self._waited_s > spent_s / 4:
            return None
        return Timing(tokens - 1, spent_s)
