"""What models reported of their prompts and answers, kept over restarts, by provider and model."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from gateway_core.frozen import frozen
from gateway_core.store.codec import from_json, to_json
from gateway_core.store.database import Database

_MOST = 1e9
"""No answer has more tokens than this."""


@frozen
class Average:
    """Of so many samples, of which newer ones count more."""

    value: float = 0.0
    samples: int = 0


@frozen
class ModelReport:
    """``ratio`` is counted prompt tokens by estimated ones; the others are tokens of an answer."""

    ratio: Average = Average()
    answer: Average = Average()
    background_answer: Average = Average()


def _is_sound(average: Average) -> bool:
    """Whether it can be counted with: NaN in a damaged row would fail every request."""
    return 0 <= average.value <= _MOST and average.samples >= 0


Model = tuple[str, str]
"""Provider and model."""


class ModelReportStore:
    """Loads and saves. Raises ``StoreError``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> dict[Model, ModelReport]:
        """All of them; what cannot be read is left out."""

        def read(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
            return connection.execute("SELECT provider, model, value FROM model_reports").fetchall()

        found: dict[Model, ModelReport] = {}
        for provider, model, value in await self._database.run(read):
            try:
                report = from_json(ModelReport, value)
            except ValueError:
                continue
            if all(_is_sound(one) for one in (report.ratio, report.answer, report.background_answer)):
                found[provider, model] = report
        return found

    async def save(self, changed: Mapping[Model, ModelReport]) -> None:
        """Writes models."""
        rows = [(*model, to_json(report)) for model, report in changed.items()]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR REPLACE INTO model_reports (provider, model, value) VALUES (?, ?, ?)", rows
            )

        await self._database.run(write)
