"""Which events are worth a line in the log, and in which words.

Requests that went well have a screen of their own; what went wrong, or changed how the gateway works, is told here.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway_core.event_log import EventLog
from gateway_core.events import CommandRan, Event, LocalChanged, Notice, PullProgress, RequestFinished
from gateway_core.model import BudgetStatus, LocalServer, ProviderStatus, PullStatus, RequestRow, Status
from gateway_core.wire import errors

_BY = {"key": "you", "attached": "an attached screen", "api": "the API"}
_PRESSING = ("kill", "release", "set_budget", "clear_cache", "force_tier")
"""Commands that change what is answered or spent: told as a warning, so that they are found again."""
WORTH_A_LINE = (RequestFinished, Notice, CommandRan, LocalChanged, PullProgress)
_LEVELS = {"ok": 0, "soft": 1, "medium": 2, "hard": 3}
_BY_HAND = errors.stopped_by_hand().code
_REACHED = {
    "soft": "The soft daily limit is reached",
    "medium": "The medium daily limit is reached: premium requests go to a cheaper tier",
    "hard": "The hard daily limit is reached: paid tiers are stopped",
}


class LogFeed:
    """Hears :data:`WORTH_A_LINE` of the bus. ``budget`` is today's spend against its limits."""

    def __init__(self, log: EventLog, budget: Callable[[], BudgetStatus]) -> None:
        self._log = log
        self._budget = budget
        self._level = "ok"
        self._background_reached = False
        self._local: tuple[bool, str | None, str | None] | None = None
        self._pulls: dict[str, bool] = {}
        self._providers: dict[str, str] = {}

    def hear(self, event: Event) -> None:
        """Takes in what is worth it."""
        match event:
            case RequestFinished(row=row):
                self._finished(row)
            case Notice(level=level, text=text, source=source):
                self._log.take(level, source, text)
            case CommandRan():
                self._ran(event)
            case LocalChanged(local=local):
                self._local_changed(local)
            case PullProgress(pull=pull):
                self._pulled(pull)

    def refused(self, why: str, where: str) -> None:
        """A caller that was not let in; told by its address, never by what it sent."""
        self._log.take("warning", "access", f"Refused: {why}, from {where}.")

    def provider(self, status: ProviderStatus) -> None:
        """A provider was looked at."""
        before = self._providers.get(status.name, "ok")
        self._providers[status.name] = status.state
        if status.state in (before, "unknown"):
            return
        if status.state == "ok":
            self._log.take("info", "providers", f"{status.name} can be used again.")
        else:
            self._log.take("warning", "providers", f"{status.name} cannot be used: {status.detail or status.state}")

    def _ran(self, event: CommandRan) -> None:
        level = "warning" if not event.ok or event.name in _PRESSING else "info"
        by = _BY.get(event.by, event.by)
        asked = " ".join(part for part in (event.name, event.arguments) if part)
        self._log.take(level, "commands", f"{asked}, by {by}: {event.message}")

    def _finished(self, row: RequestRow) -> None:
        where = f" at {row.provider}/{row.model}" if row.provider else ""
        if row.status in (Status.FAILED, Status.REFUSED):
            word = "was refused" if row.status is Status.REFUSED else "failed"
            level = "info" if row.status is Status.REFUSED else "warning"
            self._log.take(level, "requests", f"A request {word}{where}: {row.error_code or 'no reason is known'}.")
        elif row.error_code == _BY_HAND:
            self._log.take("info", "requests", f"Request {row.id} was stopped{where}: {row.error_code}.")
        self._limits()

    def _limits(self) -> None:
        budget = self._budget()
        if (level := budget.level) != self._level:
            if _LEVELS[level] > _LEVELS[self._level]:
                spent, limit = budget.spent_microusd / 1e6, getattr(budget, f"{level}_microusd") / 1e6
                self._log.take("warning", "limits", f"{_REACHED[level]} ({spent:.2f} of {limit:.2f} USD).")
            else:
                self._log.take("info", "limits", f"Spend is below the {self._level} daily limit again.")
            self._level = level
        if (reached := budget.background.reached) is not self._background_reached:
            self._background_reached = reached
            if reached:
                spent, limit = budget.background.spent_microusd / 1e6, budget.background.limit_microusd / 1e6
                text = "Background limit reached: what nobody waits for goes to free tiers"
                self._log.take("warning", "limits", f"{text} ({spent:.2f} of {limit:.2f} USD).")
            else:
                self._log.take("info", "limits", "Background spend is below its daily limit again.")

    def _local_changed(self, local: LocalServer) -> None:
        """Tells what is there at first, and of another model. That it went away or came back is a notice's to tell, and
        so is what the built-in model does."""
        if local.kind == "builtin":
            self._local = self._local or (False, None, None)
            return
        seen = (local.reachable, local.base_url, local.current_model)
        before, self._local = self._local, seen
        if seen == before:
            return
        model = f", serving {local.current_model}" if local.current_model else ", without a model"
        name = f"The local server at {local.base_url}"
        if before is None or before[1] not in (None, local.base_url):
            how = (
                f"answers{model}."
                if local.reachable
                else f"does not answer{': ' if local.detail else '.'}{local.detail}"
            )
            self._log.take("info", "local models", f"{name} {how}")
        elif before[0] and local.reachable:
            self._log.take("info", "local models", f"{name} has changed{model}.")

    def _pulled(self, pull: PullStatus) -> None:
        if pull.done or pull.error:
            if self._pulls.pop(pull.model, None) is None and not pull.error:
                return
            if pull.error:
                self._log.take("error", "local models", f"Pulling {pull.model} failed: {pull.error}")
            else:
                self._log.take("info", "local models", f"Pulling {pull.model} ended: {pull.status or 'done'}.")
        elif pull.model not in self._pulls:
            self._pulls[pull.model] = True
            self._log.take("info", "local models", f"Pulling {pull.model} began.")
