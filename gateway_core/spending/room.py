"""The room where money is looked at: reports from a reader of its own, and the forecast of the snapshot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from gateway_core.clock import Clock
from gateway_core.gates.budget import Budget
from gateway_core.spend_csv import csv_text
from gateway_core.spend_values import BY, DailyLimits, Forecast, SpendReport
from gateway_core.spending.forecast import HISTORY_DAYS, Hours, Today, forecast, not_below
from gateway_core.spending.reading import MOST_ROWS, IsKnown, keys_of, read_report, span_of
from gateway_core.store.database import Database
from gateway_core.store.days import days_before
from gateway_core.store.errors import StoreError
from gateway_core.store.report import cost_by_hour, first_day

log = logging.getLogger(__name__)

FRESH_S = 1.0
"""A forecast is made at most this often: it takes a millisecond, and snapshots are made many times a second."""
AFTER_START_S = 1.0
"""Reading a year of costs takes 0.1 s of CPU, which the first request after a start should have."""
LOOK_S = 60.0
"""How often it is seen whether a new day has begun, whose earlier days are to be read."""


class Spending:
    """Sums of any period, and where today is heading.

    It reads with a connection of its own: a sum over a year takes seconds, and no paid call waits behind it.
    """

    def __init__(
        self,
        database: Database,
        budget: Budget,
        is_known: IsKnown,
        written: Callable[[], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._kept_in = database
        self._budget = budget
        self._is_known = is_known
        self._written = written
        self._clock = clock
        self._database: Database | None = None
        self._opening = asyncio.Lock()
        self._earlier: Mapping[str, Hours] = {}
        self._first_day: str | None = None
        self._read_for = ""
        self._forecast = Forecast(basis="the ledger is being read")
        self._forecast_of: tuple[str, DailyLimits] | None = None
        self._made_at = 0.0

    async def report(self, period: str, by: str, limit: int | None = MOST_ROWS) -> SpendReport:
        """The sums of a period by what is named; ``limit`` None has all rows.

        Raises ``ValueError``, which says what they may be, and ``StoreError``.
        """
        today = self._budget.status().day
        span_of(period, today), keys_of(by)
        await self._written()
        database = await self._reader()
        return await database.run(
            lambda connection: read_report(connection, period, by, today, self._is_known, limit),
        )

    async def look(self, period: str, by: str) -> SpendReport:
        """The same for a screen: what is wrong is its ``problem``. Raises nothing."""
        try:
            return await self.report(period, by)
        except (StoreError, ValueError) as error:
            return SpendReport(period, by, problem=str(error))

    async def csv(self, period: str, by: str) -> str:
        """The same as CSV with all its rows. Raises ``ValueError`` and ``StoreError``."""
        return csv_text((await self.report(period, by, None)).rows, BY[by])

    def forecast(self) -> Forecast:
        """Where today and the month end, from memory alone: at most a second old, and never below what is spent."""
        budget = self._budget.status()
        limits = DailyLimits(budget.soft_microusd, budget.medium_microusd, budget.hard_microusd)
        if self._read_for != budget.day:
            return Forecast(basis="the ledger is being read")
        ticks = self._clock.monotonic()
        if self._forecast_of != (budget.day, limits) or ticks - self._made_at >= FRESH_S:
            today = Today(budget.day, self._clock.now(), self._budget.spent_by_hour(), limits)
            self._forecast = forecast(today, self._earlier, self._first_day)
            self._forecast_of, self._made_at = (budget.day, limits), ticks
        return not_below(self._forecast, budget.spent_microusd)

    async def run(self) -> None:
        """Keeps the earlier days that the forecast goes by."""
        await asyncio.sleep(AFTER_START_S)
        while True:
            day = self._budget.status().day
            if day != self._read_for:
                try:
                    await self.read_earlier(day)
                except StoreError as error:
                    log.warning("the earlier days could not be read for the forecast: %s", error)
            await asyncio.sleep(LOOK_S)

    async def read_earlier(self, day: str) -> None:
        """Reads the days before ``day``. Raises ``StoreError``."""
        database = await self._reader()
        earlier = await database.run(
            lambda connection: cost_by_hour(connection, days_before(day, HISTORY_DAYS), days_before(day, 1))
        )
        self._first_day = await database.run(first_day)
        self._earlier, self._read_for, self._forecast_of = earlier, day, None

    async def close(self) -> None:
        if self._database is not None:
            await self._database.close()

    async def _reader(self) -> Database:
        async with self._opening:
            if self._database is None:
                self._database = await self._kept_in.reader()
            return self._database
