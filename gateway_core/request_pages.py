"""A page of requests, and the orders that pages come in."""

from __future__ import annotations

from gateway_core.choices import SORTS as SORTS
from gateway_core.frozen import frozen
from gateway_core.model import RequestRow

MOST_COUNTED = 10_000
"""Where counting the requests that match ends."""
PAGE_ROWS = 200
"""Requests that a screen asks for at once."""


@frozen
class RequestsPage:
    """Requests in the order asked for.

    ``next`` is the cursor of the page behind it, empty on the last. ``total`` is how many match, of ``kept`` in the
    log, told with a first page only; ``more`` when counting ended before all that match were counted. ``problem`` says
    why there is no page, ``remark`` what it does not look at.
    """

    requests: tuple[RequestRow, ...] = ()
    next: str = ""
    total: int | None = None
    kept: int | None = None
    more: bool = False
    problem: str = ""
    remark: str = ""


def plain_sort(sort: str) -> tuple[str, bool] | None:
    """An order's name in :data:`SORTS` and whether it is turned round; None when there is none of that name."""
    name, turned = sort.removeprefix("-"), sort.startswith("-")
    if name == "oldest":
        name, turned = "newest", not turned
    return (name, turned) if name in SORTS else None
