"""The request log over HTTP: searched page by page, and everything of one request."""

from __future__ import annotations

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.replies import refuse, reply
from gateway_core.model import Refusal
from gateway_core.request_pages import SORTS
from gateway_core.request_search import MOST_ROWS, BadSearch
from gateway_core.store.errors import StoreError
from gateway_core.wire.errors import invalid_request

RETRY_S = 3


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of the request log of ``gateway``."""
    requests = Requests(gateway)
    return [web.get("/api/requests", requests.page), web.get("/api/requests/{id}", requests.detail)]


class Requests:
    """Handlers."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def page(self, request: web.Request) -> web.Response:
        """``q`` is a filter, ``sort`` an order, ``cursor`` the ``next`` of the page before; the newest come first.

        ``total`` comes with the first page: how many match, ``more`` when counting ended before the last of them.
        """
        query = request.query
        try:
            limit = int(query.get("limit", "100"))
        except ValueError:
            limit = 0
        if not 1 <= limit <= MOST_ROWS:
            return refuse(invalid_request(f"limit is a number from 1 to {MOST_ROWS}.", "limit"))
        asked = query.get("q", ""), query.get("sort", SORTS[0]), query.get("cursor", "")
        try:
            page = await self._gateway.searches.page(*asked, limit)
        except BadSearch as error:
            return refuse(invalid_request(str(error), error.param))
        except StoreError as error:
            return refuse(Refusal("store_unavailable", str(error), 503, RETRY_S))
        if page.problem:
            return refuse(Refusal("search_too_long", page.problem, 503))
        return reply(page)

    async def detail(self, request: web.Request) -> web.Response:
        """Everything kept of one request."""
        detail = await self._gateway.detail(request.match_info["id"])
        if detail is None:
            return refuse(Refusal("not_found", "There is no request of that id.", 404))
        return reply(detail)
