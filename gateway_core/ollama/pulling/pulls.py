"""Downloads of models, in the background: they go on when a screen is left, and a standstill is visible."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Protocol

from gateway_core.clock import Clock
from gateway_core.events import Event
from gateway_core.events import PullProgress as Told
from gateway_core.local_values import PullLayer, PullStatus
from gateway_core.ollama.client import OllamaClient, OllamaError
from gateway_core.ollama.pulling.errors import explain
from gateway_core.ollama.pulling.progress import PullProgress

PUBLISH_EVERY_S = 0.25
"""Ollama writes a line every 60 ms."""
TICK_S = 1.0
KEPT_S = {True: 30.0, False: 300.0}
"""How long a pull that worked, or did not, stays listed. An interrupted one stays until somebody decides."""

Layers = Callable[[str], Awaitable[tuple[PullLayer, ...]]]
"""All layers of a model as the registry lists them; empty where nobody knows."""


async def _unknown(_: str) -> tuple[PullLayer, ...]:
    return ()


class Keep(Protocol):
    """Remembers over a restart that a model is being pulled, and that it was."""

    def __call__(self, model: str, *, pulling: bool, pulled: bool = False) -> None: ...


def _unkept(model: str, *, pulling: bool, pulled: bool = False) -> None:
    return None


@dataclass(slots=True)
class _Pull:
    progress: PullProgress
    status: PullStatus
    published_s: float = float("-inf")
    task: asyncio.Task[None] | None = None
    ended_s: float | None = None


class Pulls:
    """All pulls of one server. ``on_end`` is called when one has ended, however.

    ``keep`` is told which names are being pulled; ``layers`` finds out what a pull will bring.
    """

    def __init__(
        self,
        publish: Callable[[Event], None],
        clock: Clock,
        on_end: Callable[[], None],
        *,
        keep: Keep = _unkept,
        layers: Layers = _unknown,
    ) -> None:
        self._publish = publish
        self._clock = clock
        self._on_end = on_end
        self._keep = keep
        self._layers = layers
        self._pulls: dict[str, _Pull] = {}
        self._ticker: asyncio.Task[None] | None = None

    @property
    def statuses(self) -> tuple[PullStatus, ...]:
        """What is being pulled, and what lately was."""
        return tuple(pull.status for pull in self._pulls.values())

    @property
    def running(self) -> bool:
        return any(pull.status.running for pull in self._pulls.values())

    def find(self, model: str) -> PullStatus | None:
        """The pull of that model, running or ended; a name without a tag means ``:latest``."""
        pull = self._pulls.get(_key(model))
        return pull.status if pull else None

    def start(self, client: OllamaClient, model: str) -> PullStatus:
        """Starts to pull ``model`` unless that goes on already; the pull's status."""
        pull = self._pulls.get(_key(model))
        if pull is None or not pull.status.running:
            pull = self._pulls[_key(model)] = self._new(model)
            pull.task = asyncio.create_task(self._run(client, pull), name="pull")
            self._keep(model, pulling=True)
            if self._ticker is None or self._ticker.done():
                self._ticker = asyncio.create_task(self._tick_on(), name="pulls")
        return pull.status

    def interrupted(self, models: Iterable[str]) -> None:
        """Lists pulls that were running when the gateway ended."""
        for model in models:
            if _key(model) not in self._pulls:
                pull = self._pulls[_key(model)] = self._new(model)
                pull.status = PullStatus(model, "interrupted", done=True, interrupted=True)

    def cancel(self, model: str) -> bool:
        """Stops a pull; what it has stays on disk and a new pull goes on from there. False when there is none."""
        pull = self._pulls.get(_key(model))
        if pull is None or not pull.status.running or pull.task is None:
            return False
        pull.task.cancel()
        self._end(pull, cancelled=True)
        return True

    def forget(self, model: str) -> bool:
        """Takes a pull that has ended from the list. False when there is none."""
        pull = self._pulls.get(_key(model))
        if pull is None or pull.status.running:
            return False
        del self._pulls[_key(model)]
        self._keep(pull.status.model, pulling=False)
        return True

    def tick(self) -> None:
        """Works out speeds and standstills anew, and forgets pulls that ended a while ago. Called now and then."""
        now_s = self._clock.monotonic()
        for model, pull in tuple(self._pulls.items()):
            if pull.ended_s is not None:
                if now_s - pull.ended_s > KEPT_S[pull.status.error is None and not pull.status.cancelled]:
                    del self._pulls[model]
            elif pull.status.running and now_s - pull.published_s >= PUBLISH_EVERY_S:
                self._tell(pull)

    async def close(self) -> None:
        """Stops all of them; they are remembered as interrupted."""
        tasks = [pull.task for pull in self._pulls.values() if pull.task] + ([self._ticker] if self._ticker else [])
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    def _new(self, model: str) -> _Pull:
        progress = PullProgress(model, self._clock.now(), self._clock.monotonic())
        return _Pull(progress, progress.at(self._clock.monotonic()))

    async def _run(self, client: OllamaClient, pull: _Pull) -> None:
        expected = asyncio.create_task(self._expect(pull), name="layers of a pull")
        try:
            async with aclosing(client.pull(pull.status.model)) as lines:
                async for line in lines:
                    if line.ends:
                        self._end(pull, error=line.error)
                        return
                    before, now_s = pull.status.status, self._clock.monotonic()
                    if pull.progress.take(line, now_s):
                        pull.status = pull.progress.at(now_s)
                        if now_s - pull.published_s >= PUBLISH_EVERY_S or pull.status.status != before:
                            self._tell(pull)
        except OllamaError as error:
            self._end(pull, error=error.message)
        finally:
            expected.cancel()
            await asyncio.gather(expected, return_exceptions=True)

    async def _expect(self, pull: _Pull) -> None:
        if layers := await self._layers(pull.status.model):
            pull.progress.expect(layers)
            self._tell(pull)

    async def _tick_on(self) -> None:
        while self.running:
            await asyncio.sleep(TICK_S)
            self.tick()

    def _end(self, pull: _Pull, *, error: str | None = None, cancelled: bool = False) -> None:
        model, now_s = pull.status.model, self._clock.monotonic()
        why = explain(error, model) if error is not None else None
        pull.status = pull.progress.ended(now_s, self._clock.now(), error=why, cancelled=cancelled)
        pull.ended_s = pull.published_s = now_s
        self._keep(model, pulling=False, pulled=error is None and not cancelled)
        self._publish(Told(self._clock.now(), pull.status))
        self._on_end()

    def _tell(self, pull: _Pull) -> None:
        pull.published_s = self._clock.monotonic()
        pull.status = pull.progress.at(pull.published_s)
        self._publish(Told(self._clock.now(), pull.status))


def _key(model: str) -> str:
    """Names that mean the same model; as Ollama does, one without a tag means ``:latest``."""
    name = model.strip()
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
