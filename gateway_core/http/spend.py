"""What was spent and saved, over HTTP: the sums of a period, as JSON or as CSV."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.replies import refuse, reply
from gateway_core.model import Refusal, SpendRow
from gateway_core.spend_csv import csv_text, plain
from gateway_core.spend_values import BY, PERIODS
from gateway_core.spending.reading import MOST_ROWS
from gateway_core.store.errors import StoreError
from gateway_core.wire.errors import invalid_request

FORMATS = ("json", "csv")


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of the money of ``gateway``."""
    return [web.get("/api/spend", Spend(gateway).report)]


class Spend:
    """Handlers."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def report(self, request: web.Request) -> web.Response:
        """``period`` (UTC days), ``by`` what, and ``format``. JSON has the dearest rows, CSV all of them."""
        query = request.query
        period, by, form = query.get("period", PERIODS[0]), query.get("by", "tier"), query.get("format", FORMATS[0])
        if form not in FORMATS:
            return refuse(invalid_request(f"format is {' or '.join(FORMATS)}.", "format"))
        try:
            found = await self._gateway.spending.report(period, by, None if form == "csv" else MOST_ROWS)
        except ValueError as error:
            return refuse(invalid_request(f"{error}.", str(error).split(" ", 1)[0]))
        except StoreError as error:
            return refuse(Refusal("store_unavailable", str(error), 503))
        if form == "csv":
            name = f"llmgw-spend-{found.first_day}-{found.last_day}-by-{by}.csv"
            return web.Response(
                text=csv_text(found.rows, BY[by]),
                content_type="text/csv",
                charset="utf-8",
                headers={"Content-Disposition": f'attachment; filename="{name}"'},
            )
        keys = BY[by]
        rows = [{**asdict(row), **_dollars(row, keys)} for row in found.rows]
        return reply({**asdict(found), "rows": rows, "total": {**asdict(found.total), **_dollars(found.total, ())}})


def _dollars(row: SpendRow, keys: tuple[str, ...]) -> dict[str, object]:
    return {name: value for name, value in plain(row, keys).items() if name.endswith("_usd")}
