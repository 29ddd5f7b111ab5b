"""What an operator can do with a request that was: have it run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gateway_core.model import CommandResult

if TYPE_CHECKING:
    from gateway_core.replays import Replays

Name = Annotated[str, Field(min_length=1, max_length=200)]


class ReplayCommands:
    """Commands on the room of replays, which is opened when it is first needed."""

    def __init__(self, replays: Callable[[], Replays]) -> None:
        self._replays = replays

    async def replay(self, request_id: Name, tier: Name) -> CommandResult:
        """Runs a kept request again on a tier, or on a model by its id. ``value`` is the new request's id."""
        from gateway_core.replays import CannotReplay

        try:
            begun = await self._replays().begin(request_id, tier)
        except CannotReplay as error:
            return CommandResult(False, str(error))
        return CommandResult(True, f"Running again on {tier}, as {begun}.", begun)
