"""What the usage that models report teaches: how each counts a prompt, and how long its answers are.

An estimate of tokens without a tokenizer is off by a factor that a model keeps to: 0.81 of the true count was measured
for OpenClaw's requests on SmolLM2. Money is not reserved by it: that goes by a ceiling.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace

from gateway_core.model import Counted, Lane, Usage
from gateway_core.routing.landscape import USUAL_ANSWER, ExpectedAnswer
from gateway_core.store.errors import StoreError
from gateway_core.store.model_reports import Average, Model, ModelReport, ModelReportStore

log = logging.getLogger(__name__)

LEAST_PROMPT_TOKENS = 200
"""Of a shorter prompt the template that is put around it is too large a part."""
LEAST_RATIO, MOST_RATIO = 0.5, 3.0
"""Fewer than half of the tokens is a prompt that was cut or cached without a word; more than three times as many is one
of digits or a rare script, and no measure for others."""
NEWEST_COUNTS = 0.05
"""The share of the newest sample, once there are twenty: an average that forgets slowly."""
DOUBT = 4
"""Samples that say as much as not knowing: a ratio of so many is believed by half."""
LEAST_ANSWERS = 3
MOST_MODELS = 500
WRITE_AFTER_S = 5.0
_NOTHING, _NO_ANSWERS = ModelReport(), Average()


class ReportedUsage:
    """At hand in memory, and written to the store some seconds after it has changed."""

    def __init__(self, store: ModelReportStore | None = None, write_after_s: float = WRITE_AFTER_S) -> None:
        self._store = store
        self._write_after_s = write_after_s
        self._reports: dict[Model, ModelReport] = {}
        self._lanes: dict[Lane, Average] = {}
        self._dirty: set[Model] = set()
        self._writer: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def load(self) -> None:
        """Takes up what was kept. Never raises: without it all is new."""
        try:
            self._reports = await self._store.load() if self._store else {}
        except StoreError as error:
            log.warning("what models reported could not be read: %s", error)

    # --- what is learned -------------------------------------------------------------------------------------------

    def prompt(self, provider: str, model: str, estimated: int, usage: Usage) -> None:
        """A model has told how many tokens a prompt has that was estimated at so many."""
        if usage.input_counted is not Counted.MEASURED or estimated < LEAST_PROMPT_TOKENS:
            return
        ratio = usage.prompt_tokens / estimated
        if ratio >= LEAST_RATIO:
            report = self._report(provider, model)
            self._note(provider, model, replace(report, ratio=_with(report.ratio, min(ratio, MOST_RATIO))))

    def answered(self, provider: str, model: str, lane: Lane, usage: Usage) -> None:
        """A model has given a whole answer."""
        if usage.output_counted is not Counted.MEASURED or not usage.output_tokens:
            return
        report, tokens = self._report(provider, model), float(usage.output_tokens)
        self._lanes[lane] = _with(self._lanes.get(lane, _NO_ANSWERS), tokens)
        if lane is Lane.BACKGROUND:
            report = ModelReport(report.ratio, report.answer, _with(report.background_answer, tokens))
        else:
            report = ModelReport(report.ratio, _with(report.answer, tokens), report.background_answer)
        self._note(provider, model, report)

    # --- what is asked ---------------------------------------------------------------------------------------------

    def ratio(self, provider: str, model: str) -> float:
        """Prompt tokens for each that is estimated: 1 without samples, nearer to what was told the more there are."""
        known = self._report(provider, model).ratio
        return 1.0 + (known.value - 1.0) * known.samples / (known.samples + DOUBT)

    def answer(self, provider: str, model: str, lane: Lane) -> ExpectedAnswer:
        """How long an answer will be: as the model's own in that lane, else as others' there."""
        report, background = self._report(provider, model), lane is Lane.BACKGROUND
        known, who = report.background_answer if background else report.answer, "its"
        if known.samples < LEAST_ANSWERS:
            known, who = self._lanes.get(lane, _NO_ANSWERS), "other models'"
        if known.samples < LEAST_ANSWERS:
            return USUAL_ANSWER
        return ExpectedAnswer(round(known.value), f"{who} last{' background' if background else ''} answers")

    # --- its keeping -----------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Writes what waits."""
        self._closing.set()
        if self._writer:
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._write()

    def _report(self, provider: str, model: str) -> ModelReport:
        return self._reports.get((provider, model), _NOTHING)

    def _note(self, provider: str, model: str, report: ModelReport) -> None:
        name = (provider, model)
        if name not in self._reports and len(self._reports) >= MOST_MODELS:
            return
        self._reports[name] = report
        self._dirty.add(name)
        if self._store and (self._writer is None or self._writer.done()):
            self._writer = asyncio.get_running_loop().create_task(self._write_later(), name="model reports")

    async def _write_later(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._write_after_s):
                await self._closing.wait()
        await self._write()

    async def _write(self) -> None:
        """A failure is logged, and tried again with the next report."""
        changed = {name: self._reports[name] for name in self._dirty}
        self._dirty.clear()
        if not changed or self._store is None:
            return
        try:
            await self._store.save(changed)
        except StoreError as error:
            self._dirty |= changed.keys()
            log.warning("what models reported could not be written: %s", error)


def _with(average: Average, sample: float) -> Average:
    share = max(NEWEST_COUNTS, 1 / (average.samples + 1))
    return Average(average.value + share * (sample - average.value), average.samples + 1)
