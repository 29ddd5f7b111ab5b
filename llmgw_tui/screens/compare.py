"""Two answers to one request side by side, live while the second is made."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from gateway_core.model import RequestDetail, RequestRow, Status
from gateway_core.replay_values import ReplayProgress
from llmgw_tui.panes.answers import compare_document
from llmgw_tui.panes.parts import Document
from llmgw_tui.screens.document import MATCHES, DocumentScreen
from llmgw_tui.screens.one_thing import WHOLE
from llmgw_tui.screens.place import PlaceAction
from llmgw_tui.slices import Steps
from llmgw_tui.text import clean, message_text

LIVE_S = 0.3
CHOICES = ("first", "second", "same")


class CompareScreen(DocumentScreen):
    """A request and the same one run again."""

    place: ClassVar[str] = "compare"
    title_words = "Two answers"
    explanation = (
        "A request beside its re-run on another tier: answers, tokens, cost and time. Say which is better, and the "
        "router learns from it."
    )
    actions: ClassVar[tuple[PlaceAction, ...]] = (
        PlaceAction("first", "less_than_sign", "first better", "The first answer is better: learn it", changes=True),
        PlaceAction("second", "greater_than_sign", "second better", "The second is better: learn it", changes=True),
        PlaceAction("same", "equals_sign", "as good", "Both are as good: the cheaper tier is enough", changes=True),
        WHOLE,
        *MATCHES,
    )

    def __init__(self, first: RequestDetail, second_id: str) -> None:
        super().__init__()
        self._first = first
        self._second_id = second_id
        self._second: RequestDetail | None = None
        self._progress: ReplayProgress | None = None

    def named(self) -> str:
        return f"{self._first.row.id} and {self._second_id}"

    @property
    def request(self) -> RequestRow | None:
        return self._second.row if self._second else self._first.row

    @property
    def reread_s(self) -> float | None:
        ended = self._second is not None and self._second.row.status is not Status.RUNNING
        return None if ended else LIVE_S

    def copied_text(self) -> tuple[str, str]:
        """The second answer's text."""
        answer = self._second.answer if self._second else None
        text = clean(message_text(answer)) if answer else clean(self._progress.text) if self._progress else ""
        return text, "the second answer"

    def why_not(self, action: PlaceAction) -> str:
        if action.name not in CHOICES or (self._second and self._second.row.status is not Status.RUNNING):
            return super().why_not(action)
        return "The second answer is not there yet."

    async def do_first(self) -> None:
        await self._choose("first")

    async def do_second(self) -> None:
        await self._choose("second")

    async def do_same(self) -> None:
        await self._choose("same")

    async def _choose(self, better: str) -> None:
        await self.centre.command("choose_answer", first=self._first.row.id, second=self._second_id, better=better)

    async def read(self) -> None:
        source = self.centre.source
        progress = await source.replay_progress(self._second_id)
        second = self._second
        if second is None or progress is None or progress.done:
            second = await source.detail(self._second_id) or second
        if second is not None and second.row.status is Status.RUNNING:
            second = replace(second, row=self._row_of_now(second.row))
        if (progress, second) != (self._progress, self._second):
            self._progress, self._second = progress, second
            self.remake()

    def _row_of_now(self, row: RequestRow) -> RequestRow:
        """A running request is written when it begins and when it ends; the snapshot knows where it went meanwhile."""
        rows = self.centre.snapshot.requests if self.centre.snapshot else ()
        return next((now for now in rows if now.id == row.id), row)

    def document(self, width: int) -> Steps[Document]:
        look = self.centre.look()
        return compare_document(self._first, self._second, self._progress, look, width, self.ink, whole=self.whole)
