"""The built-in model stands in for a local server that does not answer. It is started for the first request, since it
holds 700 MB, and ends when a server answers, or when nobody has asked it for an hour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal, Protocol

from gateway_core.clock import Clock
from gateway_core.model import LocalModel, LocalServer

RETRY_AFTER_S = 300.0
"""How long a built-in model that failed is left alone."""
IDLE_S = 3600.0
"""How long it stays without a request. With it go the prompts that it keeps: OpenClaw's takes it minutes to read."""

Mode = Literal["auto", "on", "off"]


class StandInModel(Protocol):
    """What the built-in model must be able to do; ``providers.builtin.BuiltinModel`` does."""

    name: str
    context_tokens: int
    on_change: Callable[[], None]

    @property
    def endpoint(self) -> tuple[str, str] | None:
        """Base URL and key while it serves."""
        ...

    @property
    def failure(self) -> str | None:
        """Why it does not serve though it was started."""
        ...

    def available(self) -> str | None:
        """What it lacks, None when it can start."""
        ...

    async def start(self) -> str:
        """Starts it unless it runs."""
        ...

    async def stop(self) -> None:
        """Ends it."""
        ...


class NoStandIn:
    """For a gateway without a built-in model."""

    name = ""
    context_tokens = 0
    endpoint = None
    failure = None

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None

    def available(self) -> str | None:
        return "There is no built-in model."

    async def start(self) -> str:
        raise AssertionError("it is not available")

    async def stop(self) -> None:
        return


class StandIn:
    """Follows the local server: :meth:`follow` is told after each look whether one is there.

    ``on_change`` is called when the model comes or goes, ``on_idle`` when its last request has ended.
    """

    RESTING = ("", None, "builtin")
    """The endpoint of a model that :meth:`awake` starts."""

    def __init__(
        self,
        model: StandInModel,
        mode: Mode,
        clock: Clock,
        on_change: Callable[[], None],
        on_idle: Callable[[], None],
    ) -> None:
        self.model = model
        self.mode = mode
        self._clock = clock
        self._on_change = on_change
        self._on_idle = on_idle
        self._users = 0
        self._task: asyncio.Task[None] | None = None
        self._not_before = float("-inf")
        self._failure: str | None = None
        self._rests = False
        self._left_at = 0.0
        model.on_change = on_change

    @property
    def endpoint(self) -> tuple[str, str | None, str] | None:
        """Where it answers now; :data:`RESTING` while it is to be started first."""
        if self.model.endpoint:
            return (*self.model.endpoint, "builtin")
        return self.RESTING if self._rests else None

    async def awake(self) -> None:
        """Starts the model where it rests, and returns when it answers or has failed. A caller who goes stops waiting;
        the start goes on."""
        while self._rests and self.model.endpoint is None:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._start(), name="start the built-in model")
            await asyncio.wait({self._task})

    @contextmanager
    def held(self, used: bool) -> Iterator[None]:
        """Keeps the model from being stopped for the length of a block, if the block uses it."""
        self._users += used
        try:
            yield
        finally:
            self._users -= used
            self._left_at = self._clock.monotonic()
            if used and not self._users:
                self._on_idle()

    def follow(self, server_there: bool) -> None:
        """Holds the model ready, or stops it in the background, as the mode and the server's presence want it."""
        if self._task and not self._task.done():
            return
        if self.model.failure != self._failure:
            self._failure = self.model.failure
            self._not_before = self._clock.monotonic() + RETRY_AFTER_S if self._failure else self._not_before
        wanted = self._wanted(server_there)
        self._rests = wanted and self._may_start()
        idle = not wanted or self._clock.monotonic() - self._left_at >= IDLE_S
        if self.model.endpoint and not self._users and idle:
            self._task = asyncio.create_task(self.model.stop(), name="stop the built-in model")

    def describe(self, root: str, absence: str) -> LocalServer:
        """The local server while no real one serves. ``absence`` says why none answers at ``root``, and what helps."""
        if endpoint := self.endpoint:
            return LocalServer(
                "builtin",
                endpoint[0].removesuffix("/v1"),
                True,
                detail="the small model inside llmgw" + self._not_yet,
                current_model=self.model.name,
                models=(self._listing(),),
            )
        missing = self._why_not()
        if self.mode == "on":
            return LocalServer("builtin", "", False, detail=missing)
        return LocalServer("ollama", root, False, detail=f"No local server at {root}: {absence} {missing}".strip())

    def serves(self, server_there: bool) -> bool:
        """Whether it stands in now, or would for a request."""
        return self._wanted(server_there) and self.endpoint is not None

    def notice(self, server_there: bool, root: str) -> str:
        """What a person should know of the model's part; empty while it has none."""
        if not self._wanted(server_there):
            return ""
        if self.endpoint is None:
            lacks = self._why_not()
            return f"The LOCAL tier has no model. {lacks}" if lacks else ""
        why = "BUILTIN_MODEL is on" if self.mode == "on" else f"nothing answers at {root}"
        return f"The built-in model serves the LOCAL tier, because {why}. It is small: expect simple answers."

    async def settled(self) -> None:
        """Returns when a start or stop that is under way is over."""
        if self._task and not self._task.done():
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Ends the model, for good."""
        self._rests = False
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.model.stop()

    def _wanted(self, server_there: bool) -> bool:
        return self.mode == "on" or (self.mode == "auto" and not server_there)

    def _may_start(self) -> bool:
        return self.model.available() is None and self._clock.monotonic() >= self._not_before

    @property
    def _not_yet(self) -> str:
        if self.model.endpoint:
            return ""
        return ", which is starting" if self._task and not self._task.done() else ", started by the first request"

    async def _start(self) -> None:
        self._on_change()
        try:
            await self.model.start()
            self._left_at = self._clock.monotonic()
        except Exception:
            # The reason is in model.failure; whatever it was, the gateway goes on without a LOCAL tier.
            self._not_before, self._rests = self._clock.monotonic() + RETRY_AFTER_S, False
        asyncio.get_running_loop().call_soon(self._on_change)

    def _why_not(self) -> str:
        if self.mode == "off":
            return ""
        return self.model.available() or self.model.failure or ""

    def _listing(self) -> LocalModel:
        return LocalModel(
            self.model.name,
            loaded=self.model.endpoint is not None,
            context_length=self.model.context_tokens,
            parameter_size="135M",
            quantization="Q4_1",
            builtin=True,
        )
