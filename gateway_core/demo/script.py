"""The texts of the demo, in ``day.yaml``: one developer's day, in English with some German."""

from __future__ import annotations

from pathlib import Path

import yaml

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject


@frozen
class Turn:
    """A question with the answer of a good model. ``rewordings`` ask the same; ``tool`` is called on the way."""

    question: str
    answer: str
    rewordings: tuple[str, ...] = ()
    tool: tuple[str, JsonObject] | None = None
    tool_result: str = ""


def _turn(entry: JsonObject) -> Turn:
    tool = entry.get("tool")
    return Turn(
        entry["question"],
        entry["answer"].strip(),
        tuple(entry.get("rewordings", ())),
        (tool["name"], tool["arguments"]) if tool else None,
        tool["result"] if tool else "",
    )


_DAY: JsonObject = yaml.safe_load((Path(__file__).parent / "day.yaml").read_text("utf-8"))

QUESTIONS = tuple(_turn(entry) for entry in _DAY["questions"])
"""Small questions without a session, as an editor sends them."""
TURNS = tuple(_turn(entry) for entry in _DAY["turns"])
"""Everyday turns of the assistant."""
HARD_TURNS = tuple(_turn(entry) for entry in _DAY["hard_turns"])
"""Turns that are worth the premium model."""
GENERAL_ANSWERS: tuple[str, ...] = tuple(_DAY["general_answers"])
RECAP_ANSWER: str = _DAY["recap_answer"]
RECAP_SYSTEM: str = _DAY["recap_system"]
HEARTBEAT: str = _DAY["heartbeat"]
EDITOR_SYSTEM: str = _DAY["editor_system"]
