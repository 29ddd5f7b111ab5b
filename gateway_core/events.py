"""What happened, as frozen values. ``type`` names an event on the wire (``/api/events``)."""

from __future__ import annotations

from typing import ClassVar

from gateway_core.frozen import frozen
from gateway_core.log_entries import LogEntry
from gateway_core.model import BudgetStatus, KillSwitch, LocalServer, PullStatus, RequestRow, Tier, Usage


@frozen
class Event:
    """Base of all events. ``at`` is Unix seconds."""

    type: ClassVar[str]
    at: float


@frozen
class RequestStarted(Event):
    """A request was accepted; ``row.status`` is ``running``."""

    type: ClassVar[str] = "request.started"
    row: RequestRow


@frozen
class RequestRouted(Event):
    """The router chose a target."""

    type: ClassVar[str] = "request.routed"
    row: RequestRow


@frozen
class RequestFinished(Event):
    """A request ended, one way or another."""

    type: ClassVar[str] = "request.finished"
    row: RequestRow
    usage: Usage = Usage()
    """What the answer used, of a request that a model answered."""


@frozen
class KillSwitchChanged(Event):
    type: ClassVar[str] = "kill_switch.changed"
    kill: KillSwitch
    cancelled: int
    """Requests in flight that were stopped."""


@frozen
class TierForced(Event):
    type: ClassVar[str] = "tier.forced"
    tier: Tier | None


@frozen
class BudgetChanged(Event):
    """Spend was settled or a limit was moved."""

    type: ClassVar[str] = "budget.changed"
    budget: BudgetStatus


@frozen
class LocalChanged(Event):
    """The local server came, went, or its models changed."""

    type: ClassVar[str] = "local.changed"
    local: LocalServer


@frozen
class PullProgress(Event):
    type: ClassVar[str] = "pull.progress"
    pull: PullStatus


@frozen
class Notice(Event):
    """Something a person should know. ``level`` is ``info``, ``warning`` or ``error``."""

    type: ClassVar[str] = "notice"
    level: str
    text: str
    source: str = "gateway"
    """The room it comes from, for people."""


@frozen
class CommandRan(Event):
    """A command was run. ``by`` is ``key`` (a screen beside the gateway), ``attached`` (one elsewhere) or ``api``."""

    type: ClassVar[str] = "command.ran"
    by: str
    name: str
    arguments: str
    """As ``name=value``, without a secret."""
    ok: bool
    message: str


@frozen
class LogAdded(Event):
    """The log has new entries. Published a few times a second at most, with the newest of them, newest first."""

    type: ClassVar[str] = "log.added"
    newest: int
    entries: tuple[LogEntry, ...]


EVENT_TYPES: dict[str, type[Event]] = {
    kind.type: kind
    for kind in (
        RequestStarted,
        RequestRouted,
        RequestFinished,
        KillSwitchChanged,
        TierForced,
        BudgetChanged,
        LocalChanged,
        PullProgress,
        Notice,
        CommandRan,
        LogAdded,
    )
}
