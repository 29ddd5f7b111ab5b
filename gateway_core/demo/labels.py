"""What the demo's user has said of earlier answers, so that the router has something to learn from."""

from __future__ import annotations

from gateway_core.commands import Commands
from gateway_core.demo.script import HARD_TURNS, QUESTIONS, TURNS
from gateway_core.kinds import Tier


async def judge_some(commands: Commands) -> None:
    """Small questions are for the local tier, turns for the cheap one, hard turns for the premium one."""
    said = ((Tier.LOCAL, QUESTIONS), (Tier.CHEAP, TURNS), (Tier.PREMIUM, HARD_TURNS))
    words = {word: tier for tier, turns in said for turn in turns for word in (turn.question, *turn.rewordings)}
    labels = [{"prompt": word, "tier": tier.value} for word, tier in words.items()]
    await commands.run("import_labels", {"labels": labels}, "api")
