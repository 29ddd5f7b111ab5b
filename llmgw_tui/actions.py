"""Every action: one name, one implementation, used by the keys, the palette, the footer and the keymap."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway_core.frozen import frozen
from gateway_core.model import CommandResult, RequestRow, Snapshot, Status, Tier
from llmgw_tui.model_actions import NOTHING_YET, cancel_pull, load_or_unload, needs, pull, switch_model
from llmgw_tui.text import dollars, limit, preview

MOST_DOLLARS = 100_000
"""The highest daily limit that the command `set_budget` takes."""
MOST_ASKED = 60
NOTHING_TO_JUDGE = "Choose a request to say how its answer was."
NOT_RUNNING = "Only a request that still runs can be stopped: choose one."


class Host(Protocol):
    """What an action may ask of the app."""

    @property
    def snapshot(self) -> Snapshot | None: ...

    @property
    def leaves_gateway_running(self) -> bool: ...

    @property
    def request(self) -> RequestRow | None:
        """The request under the cursor, or the one that is shown."""
        ...

    @property
    def here(self) -> str:
        """The name of the screen in sight."""
        ...

    def copied_text(self) -> tuple[str, str]:
        """What ``y`` copies here, and its name; empty when there is nothing."""
        ...

    @property
    def judged(self) -> tuple[str, str]:
        """The id of the request under the cursor or shown, and the thumb it has; empty where there is none."""
        ...

    async def judge(self, verdict: str) -> None:
        """Gives that request a thumb, ``up`` or ``down``; the one that it has is taken back."""
        ...

    def say(self, result: CommandResult) -> None: ...

    async def to_clipboard(self, text: str, name: str) -> None: ...

    async def command(self, name: str, **arguments: object) -> CommandResult: ...

    async def confirm(self, question: str, detail: str) -> bool: ...

    async def ask(self, question: str, hint: str, value: str = "") -> str | None: ...

    async def choose(self, question: str, options: list[tuple[str, str]]) -> str | None: ...

    @property
    def cached_request(self) -> str:
        """The id of the request under the cursor if a cache answered it, else empty."""
        ...

    @property
    def local_model(self) -> str:
        """The name of the local model under the cursor, or that is shown; empty where there is none."""
        ...

    @property
    def unfinished_pull(self) -> str:
        """The model of the pull under the cursor if a new pull goes on with it, else empty."""
        ...

    async def confirm_pull(self, name: str) -> bool:
        """Asks whether to pull a model, and says whether it fits."""
        ...

    async def open_selected(self) -> None: ...

    async def go(self, place: str, *, filtered_by: str | None = None) -> None:
        """Shows a screen by its name, with a filter if one is given."""
        ...

    async def go_back(self) -> None: ...

    async def show_help(self) -> None: ...

    async def show_palette(self) -> None: ...

    def start_filter(self) -> None: ...

    def toggle_maximised(self) -> str: ...

    async def choose_theme(self) -> None: ...

    def toggle_ascii(self) -> None: ...

    def leave(self) -> None: ...


@frozen
class Action:
    """``name`` is the binding's id in ``keymap.yaml``; ``keys`` the default keys, several divided by commas.

    ``anywhere`` has the keys work even while something is typed. ``why_not`` says why it cannot be done now: it is
    greyed then, and its key says the reason.
    """

    name: str
    keys: str
    label: str
    help: str
    run: Callable[[Host], Awaitable[None]]
    footer: bool = True
    anywhere: bool = False
    why_not: Callable[[Host], str] | None = None
    changes: bool = False
    """It changes what the gateway does: not to be had where that is read-only."""


async def kill_switch(host: Host) -> None:
    """On at once; off asks, for what was stopped may spend again."""
    if host.snapshot is not None and host.snapshot.kill.on:
        if await host.confirm("Release the kill switch?", "Requests will be answered again, and paid tiers may spend."):
            await host.command("release", by="key")
        return
    await host.command("kill", by="key")


def force(tier: Tier | None) -> Callable[[Host], Awaitable[None]]:
    async def run(host: Host) -> None:
        await host.command("force_tier", tier=tier.value if tier else "auto")

    return run


def go(place: str) -> Callable[[Host], Awaitable[None]]:
    """To a screen; from that screen, back."""

    async def run(host: Host) -> None:
        if host.here == place:
            await host.go_back()
        else:
            await host.go(place)

    return run


async def open_selected(host: Host) -> None:
    await host.open_selected()


async def start_filter(host: Host) -> None:
    host.start_filter()


async def mark_wrong(host: Host) -> None:
    request_id = host.cached_request
    if not request_id:
        host.say(
            CommandResult(False, "Only a cached answer can be marked wrong. Choose a request that a cache answered.")
        )
        return
    await host.command("mark_wrong", request_id=request_id)


def judge(verdict: str) -> Callable[[Host], Awaitable[None]]:
    async def run(host: Host) -> None:
        await host.judge(verdict)

    return run


def nothing_to_judge(host: Host) -> str:
    """Why no answer can be judged here; empty where one can."""
    return "" if host.judged[0] else NOTHING_TO_JUDGE


async def cancel_request(host: Host) -> None:
    """Asks first: its caller gets an error, and what the answer has cost so far is lost."""
    row = host.request
    if row is None or row.status is not Status.RUNNING:
        host.say(CommandResult(False, NOT_RUNNING))
        return
    where = f"{row.tier.value} {row.model}" if row.tier else row.asked_model
    asked = f'{preview(row.client)} asked "{preview(row.preview)[:MOST_ASKED]}".'
    if await host.confirm(f"Stop this one request ({preview(where)})?", f"{asked} What it has used is paid."):
        await host.command("cancel_request", request_id=row.id)


def nothing_to_cancel(host: Host) -> str:
    """Why no request can be cancelled here; empty where one can."""
    row = host.request
    return "" if row is not None and row.status is Status.RUNNING else NOT_RUNNING


async def set_budget(host: Host) -> None:
    """Lowering is done at once; raising any of the limits, or switching one off, asks. The background's may be left
    out, and is left to the gateway where it is not changed: it goes down with the hard one."""
    if host.snapshot is None:
        host.say(CommandResult(False, NOTHING_YET))
        return
    budget = host.snapshot.budget
    names = ("soft", "medium", "hard", "background")
    before = (budget.soft_microusd, budget.medium_microusd, budget.hard_microusd, budget.background.limit_microusd)
    hint = "soft, medium, hard and background; 0 turns one off. Kept across restarts"
    if (told := host.snapshot.configured_limits) is not None:
        values = (told.soft_microusd, told.medium_microusd, told.hard_microusd, told.background_microusd)
        hint += f"; configured: {' '.join(f'{value / 1_000_000:g}' for value in values)}"
    answer = await host.ask("Daily limits in dollars", hint, " ".join(f"{value / 1_000_000:g}" for value in before))
    if answer is None:
        return
    try:
        given = [float(word) for word in answer.replace(",", " ").replace("$", " ").split()]
        after = [round(value * 1_000_000) for value in given]
    except (ValueError, OverflowError):
        given = []
    if len(given) not in (3, 4):
        host.say(CommandResult(False, "Give three or four numbers, for example: 5 15 50 0.5"))
        return
    if after[3:] == [before[3]]:
        given = given[:3]
    if (wrong := _impossible(given)) is not None:
        host.say(CommandResult(False, wrong))
        return
    raised = [
        f"{name} from {limit(old)} to {limit(new)}"
        for name, old, new in zip(names, before, after, strict=False)
        if old and (new > old or not new)
    ]
    if raised and not await host.confirm(
        f"Raise the daily limit: {', '.join(raised)}?", f"{dollars(budget.spent_microusd)} is spent today."
    ):
        return
    await host.command("set_budget", **dict(zip(names, given, strict=False)))


def _impossible(limits: list[float]) -> str | None:
    """Why the command would refuse these limits, so that nobody is asked for a yes to them; None when it would not."""
    if not all(0 <= value <= MOST_DOLLARS for value in limits):
        return f"A daily limit is between 0 and {MOST_DOLLARS:,} dollars; 0 turns it off. Nothing was changed."
    in_force = [value for value in limits[:3] if value]
    if in_force != sorted(in_force):
        return "Give soft <= medium <= hard, or 0 to turn one off. Nothing was changed."
    if limits[2] and any(value > limits[2] for value in limits[3:]):
        return "The background limit is inside the hard one: give less, or 0 to turn it off. Nothing was changed."
    return None


async def reload(host: Host) -> None:
    await host.command("reload")


async def maximise(host: Host) -> None:
    host.say(CommandResult(True, host.toggle_maximised()))


async def copy(host: Host) -> None:
    text, name = host.copied_text()
    if not text:
        host.say(CommandResult(False, "There is nothing to copy here."))
        return
    await host.to_clipboard(text, name)


async def show_help(host: Host) -> None:
    await host.show_help()


async def palette(host: Host) -> None:
    await host.show_palette()


async def quit_centre(host: Host) -> None:
    """Asks while requests are in flight that would end with this process."""
    snapshot = host.snapshot
    if snapshot is not None and snapshot.in_flight and not host.leaves_gateway_running:
        many = "1 request is" if snapshot.in_flight == 1 else f"{snapshot.in_flight} requests are"
        if not await host.confirm("Quit and stop the gateway?", f"{many} in flight and would be cut off."):
            return
    host.leave()


async def choose_theme(host: Host) -> None:
    await host.choose_theme()


async def toggle_ascii(host: Host) -> None:
    host.toggle_ascii()


async def stop_gateway(host: Host) -> None:
    """Always asks: whoever uses the gateway gets no answer until it is started again."""
    many = host.snapshot.in_flight if host.snapshot else 0
    cut = f" {many} request{' is' if many == 1 else 's are'} in flight and may be cut off." if many else ""
    if await host.confirm("Stop the gateway?", f"Nothing is answered until it is restarted.{cut}"):
        await host.command("stop")


ACTIONS: tuple[Action, ...] = (
    Action(
        "kill_switch",
        "k",
        "kill",
        "Kill switch: stop every request at once; press again to release (asks)",
        kill_switch,
        changes=True,
    ),
    Action("force_auto", "0", "auto", "Let the router choose the tier", force(None), changes=True),
    Action("force_local", "1", "local", "Send every request to the local tier", force(Tier.LOCAL), changes=True),
    Action("force_cheap", "2", "cheap", "Send every request to the cheap tier", force(Tier.CHEAP), changes=True),
    Action(
        "force_premium", "3", "premium", "Send every request to the premium tier", force(Tier.PREMIUM), changes=True
    ),
    Action("detail", "enter", "open", "Open the row under the cursor", open_selected),
    Action("filter", "slash", "filter", "Show only what matches", start_filter),
    Action("help", "question_mark", "help", "Keys, and what each pane shows", show_help),
    Action("quit", "q,ctrl+q,ctrl+c", "quit", "Quit; asks while requests are in flight", quit_centre),
    Action("palette", "ctrl+p,colon", "palette", "Find any action or screen by name", palette),
    Action("maximise", "z", "zoom", "Maximise the focused pane, or restore it", maximise),
    Action("pull", "p", "pull", "Pull a model to the local server", pull, why_not=needs("pull"), changes=True),
    Action(
        "load",
        "l",
        "load",
        "Load or unload a local model",
        load_or_unload,
        why_not=needs("load", "unload"),
        changes=True,
    ),
    Action("switch", "s", "switch", "Switch the model that serves a tier", switch_model, changes=True),
    Action(
        "cancel_request",
        "delete,ctrl+x",
        "stop it",
        "Stop the one request under the cursor that still runs (asks); its caller is told",
        cancel_request,
        footer=False,
        why_not=nothing_to_cancel,
        changes=True,
    ),
    Action(
        "mark_wrong", "w", "wrong", "Mark a cached answer as wrong: it is never served again", mark_wrong, changes=True
    ),
    Action(
        "thumb_up",
        "plus",
        "good",
        "The answer was good enough: the router learns from it; again takes it back",
        judge("up"),
        why_not=nothing_to_judge,
        changes=True,
    ),
    Action(
        "thumb_down",
        "minus",
        "bad",
        "The answer was not good enough: the router learns from it; again takes it back",
        judge("down"),
        footer=False,
        why_not=nothing_to_judge,
        changes=True,
    ),
    Action("copy", "y", "copy", "Copy the request's id, or the answer shown in full", copy),
    Action("set_budget", "", "limits", "Change the daily spend limits", set_budget, footer=False, changes=True),
    Action("reload", "", "reload", "Reload the configuration without a restart", reload, footer=False, changes=True),
    Action(
        "kill_anywhere",
        "f9",
        "kill",
        "Kill switch on a key that also works while you type",
        kill_switch,
        footer=False,
        anywhere=True,
        changes=True,
    ),
    Action(
        "theme",
        "",
        "theme",
        "Choose the colours: dark, light, high-contrast, ansi, plain or your own",
        choose_theme,
        footer=False,
    ),
    Action("ascii", "", "ascii", "Draw with ASCII only, or with all characters again", toggle_ascii, footer=False),
    Action(
        "stop_gateway",
        "",
        "stop",
        "Stop the gateway itself, not just this screen (asks)",
        stop_gateway,
        footer=False,
        changes=True,
    ),
    Action("cancel_pull", "", "cancel pull", "Cancel a pull", cancel_pull, footer=False, changes=True),
)
