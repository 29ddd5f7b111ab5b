"""The only write surface: what keys, the palette and the API can have done, by name.

A decision of the operator is in force at once and durable before its command returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, validate_call

from gateway_core.bus import Bus
from gateway_core.cache.answers import Marked
from gateway_core.cache_commands import CacheCommands
from gateway_core.clock import Clock
from gateway_core.events import BudgetChanged, CommandRan, KillSwitchChanged, TierForced
from gateway_core.frozen import frozen
from gateway_core.gates.budget import Budget
from gateway_core.gates.daily_limits import background_within, changed, in_words
from gateway_core.gates.kill_switch import KillGate
from gateway_core.learning_commands import LearningCommands
from gateway_core.model import CommandResult, DailyLimits, JsonObject, KillSwitch, Tier
from gateway_core.model_commands import ModelCommands, ModelName
from gateway_core.ollama.manager import LocalError, LocalModels
from gateway_core.redaction import told_arguments
from gateway_core.replay_commands import ReplayCommands
from gateway_core.routing_commands import RoutingCommands
from gateway_core.store.errors import StoreError
from gateway_core.store.operator import BackgroundOverride, BudgetOverride, Limits, OperatorState, OperatorStore
from gateway_core.tiers import Tiers

RETRY_S = 2.0
"""Between two tries to write what the disk did not take."""
Dollars = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
Hand = Annotated[str, Field(max_length=80)]
"""Whose word it was: kept over a restart, and shown."""
Command = Callable[..., Awaitable[CommandResult]]
MarkWrong = Callable[[str], Awaitable[Marked]]
ResetSemantic = Callable[[], Awaitable[int]]
Reload = Callable[[], Awaitable[CommandResult]]
Stop = Callable[[], Awaitable[CommandResult]]
_MARKED = {
    Marked.DONE: CommandResult(True, "That answer is forgotten and will not be served again."),
    Marked.ALREADY: CommandResult(True, "That answer is already marked wrong and no longer served."),
    Marked.GONE: CommandResult(False, "That answer is already gone: it expired, or a newer one replaced it."),
    Marked.REPLAY: CommandResult(
        False, "That answer was repeated for its idempotency key, not taken from a cache: mark the first request."
    ),
    Marked.NOT_CACHED: CommandResult(False, "That request was not answered from the cache."),
}


@frozen
class ArgumentsOf:
    """What a command does, in words, and the JSON schema of its arguments."""

    summary: str
    schema: JsonObject


def _schema(command: Any) -> JsonObject:
    return TypeAdapter(command).json_schema()


class Commands:
    """Runs commands by name. ``read_only`` refuses them all; it is checked here, below every face."""

    def __init__(
        self,
        kill: KillGate,
        tiers: Tiers,
        budget: Budget,
        local: LocalModels,
        mark_wrong: MarkWrong,
        reset_semantic: ResetSemantic,
        caches: CacheCommands,
        routing: RoutingCommands,
        replays: ReplayCommands,
        learning: LearningCommands,
        reload: Reload,
        stop: Stop,
        store: OperatorStore,
        state: OperatorState,
        configured: Limits,
        configured_background_microusd: int,
        bus: Bus,
        clock: Clock,
        read_only: bool = False,
    ) -> None:
        self._kill = kill
        self._tiers = tiers
        self._budget = budget
        self._mark_wrong = mark_wrong
        self._reset_semantic = reset_semantic
        self._reload = reload
        self._store = store
        self._state = state
        self._configured = configured
        self._configured_background = configured_background_microusd
        self._bus = bus
        self._clock = clock
        self.read_only = read_only
        self._unsaved = asyncio.Event()
        """Set while what was decided is not on the disk."""
        models = ModelCommands(local, tiers, self._keep)
        commands: dict[str, Command] = {
            "kill": self.kill,
            "release": self.release,
            "cancel_request": self.cancel_request,
            "force_tier": self.force_tier,
            "set_budget": self.set_budget,
            "pull": models.pull,
            "cancel_pull": models.cancel_pull,
            "forget_pull": models.forget_pull,
            "load": models.load,
            "unload": models.unload,
            "unload_all": models.unload_all,
            "pin": models.pin,
            "unpin": models.unpin,
            "set_context": models.set_context,
            "delete_model": models.delete_model,
            "check_updates": models.check_updates,
            "switch": models.switch,
            "mark_wrong": self.mark_wrong,
            "reset_semantic": self.reset_semantic,
            "forget_answer": caches.forget_answer,
            "clear_cache": caches.clear_cache,
            "replay": replays.replay,
            "label_request": learning.label_request,
            "choose_answer": learning.choose_answer,
            "import_labels": learning.import_labels,
            "refit_router": learning.refit_router,
            "revert_router": learning.revert_router,
            "forget_labels": learning.forget_labels,
            "reload": self.reload,
            "retry_provider": routing.retry_provider,
            "stop": stop,
        }
        later = ConfigDict(defer_build=True)  # a millisecond each, at the start of every gateway
        self._by_name = {name: validate_call(config=later)(command) for name, command in commands.items()}

    @property
    def state(self) -> OperatorState:
        """What the operator has decided."""
        return self._state

    @cached_property
    def arguments(self) -> Mapping[str, ArgumentsOf]:
        """What each command does and takes."""
        return {
            name: ArgumentsOf(" ".join((command.__doc__ or name).split()), _schema(command))
            for name, command in self._by_name.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    async def run(self, name: str, arguments: Mapping[str, object], by: str = "key") -> CommandResult:
        """What became of the command. Wrong names and arguments are results too, never exceptions.

        ``by`` is whose hand it was, for the log: see :class:`CommandRan`.
        """
        result = await self._run(name, arguments)
        told = told_arguments(arguments)
        self._bus.publish(CommandRan(self._clock.now(), by, name[:80], told, result.ok, result.message))
        return result

    async def _run(self, name: str, arguments: Mapping[str, object]) -> CommandResult:
        command = self._by_name.get(name)
        if command is None:
            return CommandResult(False, f"There is no command {name!r}. Known: {', '.join(self._by_name)}.")
        if self.read_only:
            return CommandResult(False, "llmgw runs read-only: nothing was changed.")
        try:
            return await command(**arguments)
        except ValidationError as error:
            first = error.errors()[0]
            return CommandResult(False, f"{name}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
        except LocalError as error:
            return CommandResult(False, str(error))
        except StoreError as error:
            return CommandResult(False, f"In force now, but lost if llmgw ends before it can be written: {error}")

    async def kill(self, by: Hand = "command") -> CommandResult:
        """Stops everything at once: requests in flight, and whatever comes until the switch is released."""
        state = KillSwitch(True, self._clock.now(), by)
        stopped = self._kill.switch(state)
        self._bus.publish(KillSwitchChanged(state.since or 0.0, state, stopped))
        await self._keep(kill=state)
        if not stopped:
            return CommandResult(True, "Kill switch on. No request was in flight.")
        return CommandResult(True, f"Kill switch on: {stopped} request{'' if stopped == 1 else 's'} stopped.")

    async def release(self, by: Hand = "command") -> CommandResult:
        """Lets requests pass again."""
        state = KillSwitch(False, self._clock.now(), by)
        self._kill.switch(state)
        self._bus.publish(KillSwitchChanged(state.since or 0.0, state, 0))
        await self._keep(kill=state)
        return CommandResult(True, "Kill switch off: requests are answered again.")

    async def cancel_request(self, request_id: ModelName) -> CommandResult:
        """Stops one request in flight: its caller is told so, and what it has used is paid. Those that share its
        upstream call go on."""
        if self._kill.stop_one(request_id):
            return CommandResult(True, "That request is stopped: its caller is told.")
        return CommandResult(
            False, f"Request {request_id} is not in flight: it has ended, or there is none of that id."
        )

    async def force_tier(self, tier: Literal["auto", "local", "cheap", "premium"]) -> CommandResult:
        """Sends every request that names no tier itself to one tier; ``auto`` gives the choice back to the router."""
        forced = None if tier == "auto" else Tier(tier)
        self._tiers.forced = forced
        self._bus.publish(TierForced(self._clock.now(), forced))
        await self._keep(forced_tier=forced)
        return CommandResult(True, f"Every request goes to {tier}." if forced else "The router chooses the tier.")

    async def set_budget(
        self,
        soft: Dollars | None = None,
        medium: Dollars | None = None,
        hard: Dollars | None = None,
        background: Dollars | None = None,
    ) -> CommandResult:
        """Moves the daily limits, in US dollars; 0 turns one off, one that is not given stays or goes down with a
        higher one. They stay over a restart, until the configured ones change."""
        now, kept = self._budget.status(), self._state.background_microusd(self._configured_background)
        in_force = Limits(now.soft_microusd, now.medium_microusd, now.hard_microusd)
        try:
            limits = changed(in_force, *(None if one is None else round(one * 1e6) for one in (soft, medium, hard)))
            own = kept if background is None else background_within(round(background * 1e6), limits)
        except ValueError as error:
            return CommandResult(False, str(error))
        self._set_limits(limits, own)
        configured, configured_own = self._configured, self._configured_background
        await self._keep(
            budget=None if limits == configured else BudgetOverride(limits, configured),
            background_budget=None if own == configured_own else BackgroundOverride(own, configured_own),
        )
        as_configured = (limits, own) == (configured, configured_own)
        theirs = in_words(configured, configured_own)
        kept_words = "as configured" if as_configured else f"kept over a restart (configured: {theirs})"
        return CommandResult(True, f"Daily limits: {in_words(limits, own)}; {kept_words}.")

    def _set_limits(self, limits: Limits, background_microusd: int) -> None:
        self._budget.set_limits(limits.soft_microusd, limits.medium_microusd, limits.hard_microusd)
        self._budget.set_background_limit(background_microusd)
        self._bus.publish(BudgetChanged(self._clock.now(), self._budget.status()))

    @property
    def replaced_limits(self) -> DailyLimits | None:
        """The configured daily limits while the operator's own are in force; None while these are."""
        configured, own = self._configured, self._configured_background
        if (self._state.limits(configured), self._state.background_microusd(own)) == (configured, own):
            return None
        return DailyLimits(configured.soft_microusd, configured.medium_microusd, configured.hard_microusd, own)

    async def mark_wrong(self, request_id: ModelName) -> CommandResult:
        """Says that a cached answer was wrong: it is never served again."""
        return _MARKED[await self._mark_wrong(request_id)]

    async def reset_semantic(self) -> CommandResult:
        """Has the semantic cache serve again where wrong hits stopped it, and measures its errors anew."""
        opened = await self._reset_semantic()
        scopes = f"{opened} scope{'' if opened == 1 else 's'} opened" if opened else "no scope was closed"
        return CommandResult(
            True, f"The semantic cache's errors are measured anew: {scopes}. Wrong pairs stay blocked."
        )

    async def reload(self) -> CommandResult:
        """Reads the configuration again; requests in flight end as they began. A bad one changes nothing."""
        return await self._reload()

    def reconfigure(self, configured: Limits, background_microusd: int) -> None:
        """Takes up the daily limits of a configuration. The operator's own stay unless these have changed."""
        self._configured, self._configured_background = configured, background_microusd
        self._set_limits(self._state.limits(configured), self._state.background_microusd(background_microusd))

    async def _keep(self, **changes: object) -> None:
        """Makes the operator's decision durable."""
        changed = {**self._state.changed, **dict.fromkeys(changes, self._clock.now())}
        self._state = replace(self._state, **changes, changed=changed)  # type: ignore[arg-type]
        try:
            await self._store.save(self._state)
        except StoreError:
            self._unsaved.set()
            raise
        self._unsaved.clear()

    async def keep_unsaved(self) -> None:
        """Makes durable what was decided while the disk failed, as soon as it can. Runs until it is cancelled."""
        while True:
            await self._unsaved.wait()
            await asyncio.sleep(RETRY_S)
            with suppress(StoreError):
                await self.save_again()

    async def save_again(self) -> None:
        """Tries now to make durable what could not be before. Raises ``StoreError``."""
        while self._unsaved.is_set():
            state = self._state
            await self._store.save(state)
            if state is self._state:
                self._unsaved.clear()
