"""The actions on local models that work from every screen: pull, cancel, load, unload, switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway_core.model import CommandResult, LocalModel, Tier
from llmgw_tui.text import size

if TYPE_CHECKING:
    from llmgw_tui.actions import Host

EXAMPLES = "Its name, for example qwen3:8b or hf.co/user/model"
NOTHING_YET = "The gateway has not told anything yet: try again in a moment."
OTHER = "\0other"
"""The choice of what is not listed."""


def unable(host: Host, *abilities: str) -> str:
    """Why none of ``abilities`` is there on the local server; empty where one is, or where that is not known yet."""
    server = host.snapshot.local if host.snapshot else None
    if server is None or not server.abilities:
        return ""
    reasons = [server.ability(name).why_not for name in abilities]
    return reasons[0] if all(reasons) else ""


def needs(*abilities: str) -> Callable[[Host], str]:
    """For an action that takes one of ``abilities``: why it cannot be done now."""
    return lambda host: unable(host, *abilities)


async def pull(host: Host) -> None:
    """Goes on with the pull under the cursor if that ended too soon; else asks for a name, and whether, with the
    sizes in view."""
    if name := host.unfinished_pull:
        await host.command("pull", model=name)
        return
    wanted = await host.ask("Pull a model", EXAMPLES)
    if wanted and await host.confirm_pull(wanted):
        await host.command("pull", model=wanted)


async def cancel_pull(host: Host) -> None:
    """Asks which, where there are several; a new pull goes on where it ended."""
    running = [pull.model for pull in host.snapshot.local.pulls if pull.running] if host.snapshot else []
    if not running:
        host.say(CommandResult(False, "No model is being pulled."))
        return
    name = await host.choose("Cancel which pull?", [(model, model) for model in running])
    if name:
        await host.command("cancel_pull", model=name)


async def load_or_unload(host: Host) -> None:
    """The model under the cursor at once; where there is none, asks for one."""
    models = host.snapshot.local.models if host.snapshot else ()
    if not models:
        host.say(CommandResult(False, "The local server has no models. Pull one first."))
        return
    name: str | None = host.local_model
    if not name:
        options = [(model.name, f"{'unload' if model.loaded else 'load  '}  {_described(model)}") for model in models]
        name = await host.choose("Load or unload a local model", options)
    if name is None:
        return
    chosen = next((model for model in models if model.name == name), None)
    if chosen is None:
        host.say(CommandResult(False, f"{name} is no longer there."))
        return
    command = "unload" if chosen.loaded else "load"
    if why := unable(host, command):
        host.say(CommandResult(False, why))
    else:
        if command == "load":
            host.say(CommandResult(True, f"Loading {chosen.name} ..."))
        await host.command(command, model=chosen.name)


def _described(model: LocalModel) -> str:
    words = [model.name, size(model.size_bytes) if model.size_bytes else "", model.quantization]
    words.append("built-in" if model.builtin else "")
    return "  ".join(word for word in words if word)


async def switch_model(host: Host) -> None:
    """Offers the local model under the cursor for LOCAL and CHEAP; else, or if wished, any model for any tier."""
    if (name := host.local_model) and not unable(host, "switch"):
        chosen = await host.choose(f"Which tier should {name} serve?", _places(host))
        if chosen is None:
            return
        if chosen != OTHER:
            await host.command("switch", tier=chosen, model=name if chosen == Tier.LOCAL else f"local/{name}")
            return
    await _switch_any(host)


def _places(host: Host) -> list[tuple[str, str]]:
    """The tiers that a local model can serve, with what serves them now."""
    now = {tier.name: tier.target for tier in host.snapshot.tiers} if host.snapshot else {}
    tiers = (Tier.LOCAL.value, Tier.CHEAP.value)
    options = [(tier, f"{tier.upper():<6} now {now.get(tier) or 'nothing'}") for tier in tiers]
    return [*options, (OTHER, "another tier or another model")]


async def _switch_any(host: Host) -> None:
    """Asks for the tier, then for one of the models that it can be switched to, or for a name."""
    snapshot = host.snapshot
    if snapshot is None:
        host.say(CommandResult(False, NOTHING_YET))
        return
    stats = {tier.name: tier for tier in snapshot.tiers}
    tiers = [tier.value for tier in Tier]
    options = [(name, f"{name:<8} {(stats[name].target if name in stats else '') or 'no provider'}") for name in tiers]
    tier = await host.choose("Which tier's model?", options)
    if tier is None:
        return
    choices = list(stats[tier].choices) if tier in stats else []
    if not choices and tier == Tier.LOCAL:
        choices = [model.name for model in snapshot.local.models]
    chosen: str | None = OTHER
    if choices:
        chosen = await host.choose(
            f"{tier.upper()}: switch to", [*((name, name) for name in choices), (OTHER, "another, by name")]
        )
    if chosen == OTHER:
        chosen = await host.ask(f"{tier.upper()}: switch to", "the model's name")
    if chosen:
        await host.command("switch", tier=tier, model=chosen)
