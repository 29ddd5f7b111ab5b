"""Downloads of models, in the background: they go on when a screen is left, and a standstill is visible."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from gateway_core.clock import Clock
from gateway_core.events import Event, PullProgress
from gateway_core.model import PullStatus
from gateway_core.ollama.client import OllamaClient, OllamaError

PUBLISH_EVERY_S = 0.25
"""Ollama writes a line every 60 ms."""
STALLED_AFTER_S = 5.0
"""Ollama retries in silence for up to a minute; before that a person should know."""
KEPT_S = {True: 30.0, False: 300.0}
"""How long a pull that worked, or failed, stays listed."""
CANCELLED = "cancelled"


@dataclass(slots=True)
class _Pull:
    status: PullStatus
    moved_at: float
    published_at: float
    task: asyncio.Task[None] | None = None
    ended_at: float | None = None


class Pulls:
    """All pulls of one server. ``on_end`` is called when one has ended, however."""

    def __init__(self, publish: Callable[[Event], None], clock: Clock, on_end: Callable[[], None]) -> None:
        self._publish = publish
        self._clock = clock
        self._on_end = on_end
        self._pulls: dict[str, _Pull] = {}

    @property
    def statuses(self) -> tuple[PullStatus, ...]:
        """What is being pulled, and what lately was."""
        return tuple(pull.status for pull in self._pulls.values())

    @property
    def running(self) -> bool:
        return any(not pull.status.done for pull in self._pulls.values())

    def start(self, client: OllamaClient, model: str) -> PullStatus:
        """Starts to pull ``model`` unless that goes on already; the pull's status."""
        pull = self._pulls.get(model)
        if pull is None or pull.status.done:
            now = self._clock.monotonic()
            pull = self._pulls[model] = _Pull(PullStatus(model, "starting"), now, float("-inf"))
            pull.task = asyncio.create_task(self._run(client, pull), name=f"pull {model}")
        return pull.status

    def cancel(self, model: str) -> bool:
        """Stops a pull; what it has stays on disk and a new pull goes on from there. False when there is none."""
        pull = self._pulls.get(model)
        if pull is None or pull.status.done or pull.task is None:
            return False
        pull.task.cancel()
        self._end(pull, replace(pull.status, status=CANCELLED, done=True))
        return True

    def tick(self) -> None:
        """Says how long pulls have stood still, and forgets the ones that ended a while ago. Called now and then."""
        now = self._clock.monotonic()
        for model, pull in tuple(self._pulls.items()):
            if pull.ended_at is not None:
                if now - pull.ended_at > KEPT_S[pull.status.error is None]:
                    del self._pulls[model]
            elif (still := now - pull.moved_at) >= STALLED_AFTER_S:
                pull.status = replace(pull.status, status=f"stalled for {still:.0f} s, Ollama retries")
                self._tell(pull)

    async def close(self) -> None:
        """Stops all of them."""
        tasks = [pull.task for pull in self._pulls.values() if pull.task and not pull.task.done()]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self, client: OllamaClient, pull: _Pull) -> None:
        last_line = pull.status
        try:
            async with aclosing(client.pull(pull.status.model)) as lines:
                async for line in lines:
                    if line.done:
                        self._end(pull, line)
                        return
                    last_line = self._advance(pull, last_line, line)
        except OllamaError as error:
            self._end(pull, replace(pull.status, status="failed", error=error.message, done=True))

    def _advance(self, pull: _Pull, before: PullStatus, line: PullStatus) -> PullStatus:
        """Takes a line over, but never backwards within a layer; returns it as taken."""
        if (line.status, line.total_bytes) == (before.status, before.total_bytes):
            line = replace(line, completed_bytes=max(line.completed_bytes, before.completed_bytes))
        if line == before:
            return before
        now = self._clock.monotonic()
        pull.status, pull.moved_at = line, now
        if now - pull.published_at >= PUBLISH_EVERY_S or line.status != before.status:
            self._tell(pull)
        return line

    def _end(self, pull: _Pull, status: PullStatus) -> None:
        pull.status, pull.ended_at = status, self._clock.monotonic()
        self._tell(pull)
        self._on_end()

    def _tell(self, pull: _Pull) -> None:
        pull.published_at = self._clock.monotonic()
        self._publish(PullProgress(self._clock.now(), pull.status))
