"""The requests of the log that were read so far, page by page, and those that came in meanwhile on top of them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway_core.model import RequestRow
from gateway_core.request_pages import RequestsPage


class RequestList:
    """Rows by index, the first page's first row at 0. Adding and looking up cost the same however many there are."""

    def __init__(self, page: RequestsPage = RequestsPage()) -> None:  # noqa: B008
        self.next = page.next
        self.more = page.more
        self.remark = page.remark
        self._total = page.total or 0
        self._kept = page.kept or 0
        self._came: list[RequestRow] = []
        """Newest last."""
        self._paged: list[RequestRow] = []
        self._at: dict[str, int] = {}
        """Where a row is, counted from the first page's first row: those that came are above it, below zero."""
        self._add(page.requests)

    def __len__(self) -> int:
        return len(self._came) + len(self._paged)

    def __getitem__(self, index: int) -> RequestRow:
        above = len(self._came)
        return self._came[above - 1 - index] if index < above else self._paged[index - above]

    @property
    def total(self) -> int:
        """How many match: what was counted, and what came since."""
        return max(self._total + len(self._came), len(self))

    @property
    def kept(self) -> int:
        """How many requests the log had, and what came since."""
        return max(self._kept + len(self._came), self.total)

    def index(self, request_id: str) -> int | None:
        """Where a request is."""
        at = self._at.get(request_id)
        return None if at is None else len(self._came) + at

    def extend(self, page: RequestsPage) -> None:
        """Puts the page behind what there is."""
        self.next = page.next
        self._add(page.requests)

    def _add(self, rows: Sequence[RequestRow]) -> None:
        for row in rows:
            if row.id not in self._at:
                self._at[row.id] = len(self._paged)
                self._paged.append(row)

    def update(self, rows: Sequence[RequestRow]) -> None:
        """Takes up how known requests have moved on."""
        for row in rows:
            at = self._at.get(row.id)
            if at is None:
                continue
            held, place = (self._paged, at) if at >= 0 else (self._came, -1 - at)
            if held[place] is not row:
                held[place] = row

    def unknown(self, rows: Sequence[RequestRow]) -> list[RequestRow]:
        """Those of the newest rows that came after all that are listed."""
        newest = self[0].at if len(self) else float("-inf")
        return [row for row in rows if row.id not in self._at and row.at >= newest]

    def knows_any(self, rows: Sequence[RequestRow]) -> bool:
        return any(row.id in self._at for row in rows)

    def put_on_top(self, newest_first: Sequence[RequestRow]) -> None:
        """Puts requests that came in above the rest."""
        for row in reversed(newest_first):
            self._came.append(row)
            self._at[row.id] = -len(self._came)
