"""What the simulated models say: the script's answers where the question is in it, else something general."""

from __future__ import annotations

from gateway_core.demo.script import GENERAL_ANSWERS, HARD_TURNS, QUESTIONS, RECAP_ANSWER, TURNS
from gateway_core.frozen import frozen
from gateway_core.model import JsonObject


@frozen
class SimulatedAnswer:
    """An answer's text, and the tool it asks for, if any."""

    text: str
    tool: tuple[str, JsonObject] | None = None


def answer_to(texts: list[str], system: str, tools: set[str], after_tool: bool, label: str) -> SimulatedAnswer:
    """The answer to the last of the user's ``texts``, beginning with ``label``.

    ``tools`` are the names offered; a scripted turn that uses one asks for it first, and answers ``after_tool``.
    """
    if system.startswith("Write an Activity recap"):
        return SimulatedAnswer(f"{label} {RECAP_ANSWER}")
    asked = next((text for text in reversed(texts) if not text.startswith("<<<BEGIN_OPENCLAW")), "")
    if asked.startswith("Follow the heartbeat monitor"):
        return SimulatedAnswer(f"{label} NO_REPLY")
    for turn in (*QUESTIONS, *TURNS, *HARD_TURNS):
        if turn.question in asked or any(wording in asked for wording in turn.rewordings):
            if turn.tool and turn.tool[0] in tools and not after_tool:
                return SimulatedAnswer(f"{label} I look it up first.", turn.tool)
            return SimulatedAnswer(f"{label} {turn.answer}")
    return SimulatedAnswer(f"{label} {GENERAL_ANSWERS[len(asked) % len(GENERAL_ANSWERS)]}")
