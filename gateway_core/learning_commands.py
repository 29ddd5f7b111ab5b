"""What an operator can say of answers, and do about what the router has learned from that."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from gateway_core.clock import Clock
from gateway_core.learning.judging import CannotJudge
from gateway_core.learning.lines import NoLabel, read_lines
from gateway_core.learning.room import Learning, told
from gateway_core.learning_values import Better, Verdict
from gateway_core.model import CommandResult
from gateway_core.store.errors import StoreError

Name = Annotated[str, Field(min_length=1, max_length=200)]
Lines = Annotated[list[dict[str, Any]], Field(min_length=1, max_length=500)]
_NOTHING = (
    "There is nothing to learn from yet: say of some answers how they were. Every fifth or so is held out, to tell "
    "whether it got better, and a premium answer that was good enough is no lesson."
)
_OFF = CommandResult(False, "The router learns nothing: ROUTER_LEARNING is off.")


class LearningCommands:
    """Commands on the room of learning. Unlike an operator's decisions, a label that cannot be written is lost."""

    def __init__(self, learning: Learning, clock: Clock) -> None:
        self._learning = learning
        self._clock = clock

    async def label_request(self, request_id: Name, verdict: Verdict) -> CommandResult:
        """A thumb: ``up``, ``down``, or ``clear`` to take it back."""
        if not self._learning.on and verdict != "clear":
            return _OFF
        try:
            return CommandResult(True, await self._learning.thumb(request_id, verdict), verdict)
        except (CannotJudge, StoreError) as error:
            return CommandResult(False, str(error))

    async def choose_answer(self, first: Name, second: Name, better: Better) -> CommandResult:
        """Of a request and its second run, which answer is better; ``same`` where the cheaper one is as good."""
        if not self._learning.on:
            return _OFF
        try:
            return CommandResult(True, await self._learning.choose(first, second, better))
        except (CannotJudge, StoreError) as error:
            return CommandResult(False, str(error))

    async def import_labels(self, labels: Lines) -> CommandResult:
        """Takes in labels as ``llmgw labels export`` writes them; all of them or, where one is none, nothing."""
        if not self._learning.on:
            return _OFF
        try:
            many = await self._learning.take_in(read_lines(labels, self._clock.now()))
        except (NoLabel, StoreError) as error:
            return CommandResult(False, f"Nothing was taken in: {error}")
        return CommandResult(True, f"{many:,} label{'' if many == 1 else 's'} taken in.")

    async def refit_router(self) -> CommandResult:
        """Has the router learn now from all labels."""
        if not self._learning.on:
            return _OFF
        try:
            made = await self._learning.refit()
        except StoreError as error:
            return CommandResult(False, f"Nothing has changed: {error}")
        if made is None:
            return CommandResult(False, _NOTHING)
        return CommandResult(made.taken, told(made))

    async def revert_router(self) -> CommandResult:
        """Goes back to what was in force before the last version, until the router learns from newer labels."""
        try:
            number = await self._learning.revert()
        except StoreError as error:
            return CommandResult(False, f"Nothing has changed: {error}")
        if number is None:
            return CommandResult(False, "The rules alone decide already: there is nothing to go back to.")
        now = f"Version {number} decides" if number else "The rules alone decide"
        return CommandResult(True, f"{now} again, until the router learns from newer labels.")

    async def forget_labels(self) -> CommandResult:
        """Forgets every label, the words in them, and all that was learned from them."""
        try:
            many = await self._learning.forget()
        except StoreError as error:
            return CommandResult(False, f"Nothing was forgotten: {error}")
        return CommandResult(True, f"{many:,} label{'' if many == 1 else 's'} forgotten; the rules alone decide.")
