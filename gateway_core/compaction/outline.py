"""What a conversation is made of before anything is left out, and what of it stays in any case."""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cached_property

from gateway_core.compaction.rules import RULES
from gateway_core.compaction.turns import SYSTEM_ROLES, moving_tail, turn_starts
from gateway_core.compaction_values import mark_id
from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_list
from gateway_core.wire.tokens import estimate_tokens, message_tokens

_MOST_HEADLINES = 12
_HEADLINE = 72
"""Characters of what the user asked that a mark repeats."""
_STAMP = re.compile(r"^\[[^\]\n]{1,40}\]\s+")
"""OpenClaw puts the time before what the user says (2026.9.6)."""


class Outline:
    """The turns of a chat completion's body. Tokens are estimates."""

    def __init__(self, body: JsonObject) -> None:
        self.messages: list[JsonObject] = body["messages"]
        self.starts = turn_starts(self.messages)
        self.end = len(self.messages) - moving_tail(self.messages)
        """Where the conversation ends: what follows comes with every prompt and stays in none."""
        self.fixed_tokens = estimate_tokens({**body, "messages": []})
        """Of tools and the like."""
        self.tail_tokens = sum(map(message_tokens, self.messages[self.end :]))
        self._is_system = [message["role"] in SYSTEM_ROLES for message in self.messages]
        self._sizes: dict[int, int] = {}
        self._marks: dict[int, JsonObject] = {}

    def old_turns(self, end: int) -> int:
        """How many turns are over in a prompt of ``end`` messages."""
        return max(0, bisect_left(self.starts, end) - 1)

    def kept_from(self, turns: int) -> int:
        """Where the conversation goes on after so many turns; what a client has the assistant say first is the
        first turn's."""
        return self.starts[turns] if turns else 0

    def least_fixed(self, turns: int) -> int:
        """Tokens of what is no turn: tools, system messages from before the end of so many turns, the tail."""
        system = (i for i in range(self.kept_from(turns)) if self._is_system[i])
        return self.fixed_tokens + self.tail_tokens + sum(map(self._size, system))

    def least(self, end: int) -> int:
        """Tokens of a prompt of ``end`` messages when all is left out that may be."""
        turns = self.old_turns(end)
        least = self.least_fixed(turns) + sum(map(self._size, range(self.kept_from(turns), end)))
        return least + self._opening_tokens + message_tokens(self.mark(turns)) if turns else least

    def may_go(self, index: int) -> bool:
        """Whether a message can be folded: what the user said first stays, for it says what all of it is about."""
        return not self._is_system[index] and index not in self.opening

    @cached_property
    def opening(self) -> tuple[int, ...]:
        """Where the user speaks first."""
        found: list[int] = []
        for index in range(self.starts[0] if self.starts else len(self.messages), len(self.messages)):
            if self.messages[index]["role"] == "user":
                found.append(index)
            elif not self._is_system[index]:
                break
        return tuple(found)

    def mark(self, turns: int) -> JsonObject:
        """What stands for the oldest turns. As the assistant's, so that user and assistant go on taking turns."""
        if turns not in self._marks:
            asked = [f'"{line}"' for line in self._headlines[1:turns][-_MOST_HEADLINES:] if line]
            first, last = self.marked(turns)
            text = f"llmgw left out {last - first + 1} older messages here: {mark_id(first, last)}."
            if asked:
                text += f" The user went on to ask: {'; '.join(asked)}."
            self._marks[turns] = {"role": "assistant", "content": f"[{text}]"}
        return self._marks[turns]

    def marked(self, turns: int) -> tuple[int, int]:
        """The first and the last message that the mark of so many turns stands for."""
        end = self.starts[turns]
        first = next(index for index in range(end) if self.may_go(index))
        return first, next(index for index in range(end - 1, -1, -1) if self.may_go(index))

    @cached_property
    def _headlines(self) -> list[str]:
        return [headline(self.messages[start]) for start in self.starts]

    @cached_property
    def _opening_tokens(self) -> int:
        """What is left of the opening after all rules."""
        total = 0
        for index in self.opening:
            message = self.messages[index]
            for rule in RULES:
                made = rule.change(message, mark_id(index, index)) if "user" in rule.roles else None
                message = made if made is not None and message_tokens(made) < message_tokens(message) else message
            total += message_tokens(message)
        return total

    def _size(self, index: int) -> int:
        if index not in self._sizes:
            self._sizes[index] = message_tokens(self.messages[index])
        return self._sizes[index]


def headline(message: JsonObject) -> str:
    """How a user's message begins, on one line: what is said in it, not what a client puts before that in tags."""
    content = message.get("content")
    texts = [content] if isinstance(content, str) else [str(part.get("text", "")) for part in as_list(content)]
    words = [_STAMP.sub("", " ".join(text[: 8 * _HEADLINE].split())) for text in texts]
    line = next((text for text in words if text and not text.startswith("<")), "")
    return line if len(line) <= _HEADLINE else f"{line[:_HEADLINE].rstrip()}…"
