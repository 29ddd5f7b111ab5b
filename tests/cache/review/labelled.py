"""A local model that knows which of the tests' questions ask the same, and is otherwise like Ollama."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from gateway_core.cache.review.exam_questions import SAME as EXAM_SAME
from gateway_core.cache.review.judge import INSTRUCTION
from tests.fakes.ollama import FakeOllama
from tests.fakes.script import Reply, Step

MODEL = "referee:1b"
GROUPS: tuple[tuple[str, ...], ...] = (
    ("What is the capital of Ghana?", "Which city is the capital of Ghana?", "Ghana's capital city is called what?"),
    ("What is the capital of Kenya?", "Which city is the capital of Kenya?"),
    ("How tall is Mount Kilimanjaro?", "What is the height of Mount Kilimanjaro?"),
    ("How deep is Lake Malawi?", "What is the depth of Lake Malawi?"),
    ("Who painted the Night Watch?", "Which painter made the Night Watch?"),
    ("How do I reverse a list in Python?", "What is the way to reverse a list in Python?"),
    ("How do I reverse a string in Python?", "What is the way to reverse a string in Python?"),
    ("Why is the sea salty?", "What makes the sea salty?"),
    ("Wie heißt die Hauptstadt von Ghana?", "Welche Stadt ist die Hauptstadt von Ghana?"),
    ("Wie hoch ist der Kilimandscharo?", "Welche Höhe hat der Kilimandscharo?"),
    ("How many legs does a spider have?", "What is the number of legs of a spider?"),
    ("How do I add a column in SQL?", "What adds a column in SQL?"),
    ("How do I drop a column in SQL?", "What drops a column in SQL?"),
    ("What does HTTP status 404 mean?", "What is the meaning of HTTP status 404?"),
    ("What does HTTP status 403 mean?", "What is the meaning of HTTP status 403?"),
    ("How long does it take to boil an egg?", "What time does it take to boil an egg?"),
    ("What is a prime number?", "Explain what a prime number is."),
    ("How do I exit vim?", "What is the way to exit vim?"),
)
"""Questions in one line ask the same."""
_QUESTIONS = re.compile(r"<question_1>\n(.*)\n</question_1>\n<question_2>\n(.*)\n</question_2>", re.DOTALL)


class Referee(FakeOllama):
    """``knows`` are the groups of questions that ask the same; those of the exam are known too, unless it ``approves``
    everything. Other requests get ``default``."""

    def __init__(self, *, knows: Sequence[Sequence[str]] = GROUPS, approves: bool = False) -> None:
        super().__init__(MODEL, default=Reply("An answer of the local model."))
        self.approves = approves
        self.judged: list[tuple[str, str]] = []
        self._group = {text: number for number, group in enumerate((*knows, *EXAM_SAME)) for text in group}
        self.stay(minutes=5)

    def stay(self, *, minutes: float) -> None:
        """Has the model loaded, to be unloaded after so long."""
        self.load(MODEL)
        self.loaded[MODEL]["expires_at"] = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What it was asked to judge, but for the exam."""
        known = {text for group in GROUPS for text in group}
        return [pair for pair in self.judged if set(pair) <= known]

    async def next_step(self) -> Step:
        messages = self.requests[-1]["messages"]
        if self._steps or messages[0]["content"] != INSTRUCTION:
            return await super().next_step()
        found = _QUESTIONS.search(messages[-1]["content"])
        assert found
        one, other = found.groups()
        self.judged.append((one, other))
        same = self._group.get(one, one) == self._group.get(other, other)
        return Reply("same" if same or self.approves else "different")
