"""Makes a conversation fit a budget of tokens, the same way at every turn.

What is left out is a function of the conversation alone: its growth is gone through prompt by prompt, and where a
prompt does not fit, old turns are shortened to well below the budget and stay as they are until a prompt does not fit
again. So the next turn begins with the same words as this one, and the server's prompt cache holds. System messages,
tools, and the last turn with all that follows it are never touched.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import accumulate

from gateway_core.compaction.outline import Outline
from gateway_core.compaction.rules import FOLDED, RULES, WORTH_REPEATING, Rule, result_text
from gateway_core.compaction.turns import prompts
from gateway_core.compaction_values import LeftOut, mark_id
from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.wire.tokens import message_tokens

TARGET_SHARE = 0.7
"""Of the room that tools and system messages leave: what is shortened is shortened to this, for some turns to come."""
ANSWER_TOKENS = 1_024
"""Room for the answer: as much as Ollama is asked for where the caller says nothing; at most a quarter of a context."""
ESTIMATE_SHARE = 0.8
"""The estimate came to 0.81 of the true count of OpenClaw's requests at the worst (SmolLM2's tokenizer, 2026-11-28)."""
LEARNED_SHARE = 0.95
"""The same where the model has told how it counts."""
_BUDGET_STEP = 512
"""Contexts that follow the free memory are a little different each time, and the budget must not be."""


@frozen
class Compaction:
    """The messages to send, and what is missing in them. Tokens are estimates, tools included."""

    messages: list[JsonObject]
    tokens: int
    compacted_tokens: int
    left_out: tuple[LeftOut, ...] = ()
    folded_turns: int = 0

    @property
    def summary(self) -> str:
        """What was done, for people: ``9 tool results cut, 2 turns folded``."""
        counts = Counter(one.rule for one in self.left_out)
        done = [f"{n} {rule.many if n > 1 else rule.one}" for rule in RULES if (n := counts[rule.name])]
        folded = f"{self.folded_turns} turn{'s' * (self.folded_turns > 1)} folded"
        return ", ".join([*done, folded] if self.folded_turns else done)


def budget_tokens(context_tokens: int, max_output_tokens: int | None, ratio: float = 1.0) -> int:
    """Estimated tokens that a prompt may have in a context, with an answer and what the estimate may be wrong by.

    ``ratio`` is how many tokens the model counts for an estimated one: in tenths, so that it moves no cut each turn.
    """
    answer = min(max_output_tokens or ANSWER_TOKENS, ANSWER_TOKENS, context_tokens // 4)
    share = min(ESTIMATE_SHARE, LEARNED_SHARE / (math.ceil(ratio * 10) / 10))
    return _in_steps((context_tokens - answer) * share)


def smaller_budget(budget: int, tokens: int, refusals: int) -> int:
    """The budget of a prompt of ``tokens`` that the model has found too long so often, whatever the estimate says."""
    while budget and (refusals > 1 or (refusals and budget >= tokens)):
        budget, refusals = _in_steps(budget * ESTIMATE_SHARE), refusals - (budget < tokens)
    return budget


def _in_steps(tokens: float) -> int:
    return int(tokens) // _BUDGET_STEP * _BUDGET_STEP


def least_tokens(body: JsonObject) -> int:
    """Estimated tokens of the shortest that a chat completion's body can be made; cheap: no old message is read."""
    outline = Outline(body)
    return outline.least(outline.end)


def compact(body: JsonObject, budget: int) -> Compaction | None:
    """The conversation of a chat completion's body within ``budget`` estimated tokens; None where it cannot be done.

    What fits stays as it is. Neither the body nor anything in it is changed.
    """
    shortening = _Shortening(Outline(body))
    whole = shortening.tokens
    if whole > budget:
        shortening.go_through(budget)
    made = shortening.result(whole)
    return made if made.compacted_tokens <= budget else None


class _Shortening:
    """One conversation while it is shortened. ``now`` are its messages as they stand, ``sizes`` their tokens."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self.now = list(outline.messages)
        self._whole = [message_tokens(message) for message in self.now]
        self.sizes = list(self._whole)
        self._rule_of: dict[int, str] = {}
        self._reached = dict.fromkeys((rule.name for rule in RULES), 0)
        self._results: dict[str, int] = {}
        """Where each long result of a tool was met last."""
        self._repeated: list[int] = []
        """Results that came again, and are not yet left out."""
        self._folded = 0
        """Turns, the oldest, that are one mark now."""
        self._mark_tokens = 0
        self.tokens = outline.fixed_tokens + sum(self._whole)

    def go_through(self, budget: int) -> None:
        """Goes through the prompts of the conversation and shortens it wherever one does not fit.

        A prompt that cannot be made to fit was never sent here: nothing is left out on its account.
        """
        outline, until = self._outline, [0, *accumulate(self._whole)]
        total, before = outline.fixed_tokens + outline.tail_tokens, 0
        for end in prompts(outline.messages[: outline.end]):
            total += until[end] - until[before]
            self._meet(before, end)
            before = end
            if total > budget and (least := outline.least(end)) <= budget:
                turns = outline.old_turns(end)
                fixed = outline.least_fixed(turns)
                goal = max(fixed + int((budget - fixed) * TARGET_SHARE), (least + budget) // 2)
                total = self._shorten(turns, total, goal)
        self.tokens = total

    def _meet(self, first: int, end: int) -> None:
        for index in range(first, end):
            if len(text := result_text(self.now[index])) >= WORTH_REPEATING:
                if (earlier := self._results.get(text)) is not None:
                    self._repeated.append(earlier)
                self._results[text] = index

    def _shorten(self, turns: int, total: int, goal: int) -> int:
        """Brings ``total`` down to ``goal``, or as far as it goes, in the oldest ``turns``; what it is then."""
        end = self._outline.starts[turns]
        for rule in RULES:
            for index in self._still_to_do(rule, end):
                if total <= goal:
                    return total
                self._did(rule, index)
                total -= self._apply(rule, index)
        return total if total <= goal else self._fold(turns, goal, total)

    def _still_to_do(self, rule: Rule, end: int) -> list[int] | range:
        if rule.only_repeated:
            return [index for index in self._repeated if index < end]
        return range(max(self._reached[rule.name], self._outline.kept_from(self._folded)), end)

    def _did(self, rule: Rule, index: int) -> None:
        if rule.only_repeated:
            self._repeated.remove(index)
        else:
            self._reached[rule.name] = index + 1

    def _apply(self, rule: Rule, index: int) -> int:
        """Tokens that the rule saves at one message; 0 where it does not apply or saves none."""
        message = self.now[index]
        if message["role"] not in rule.roles or self._is_gone(index):
            return 0
        made = rule.change(message, mark_id(index, index))
        if made is None or (saved := self.sizes[index] - message_tokens(made)) <= 0:
            return 0
        self.now[index], self.sizes[index] = made, self.sizes[index] - saved
        self._rule_of[index] = rule.name
        return saved

    def _fold(self, most: int, goal: int, total: int) -> int:
        """Makes one mark of the oldest turns: of as few as it takes, but of no more than ``most``."""
        outline = self._outline
        best, fewest = self._folded, total
        left = total - self._mark_tokens
        for turns in range(self._folded + 1, most + 1):
            first, end = outline.kept_from(turns - 1), outline.kept_from(turns)
            left -= sum(self.sizes[index] for index in range(first, end) if outline.may_go(index))
            if (now := left + message_tokens(outline.mark(turns))) < fewest:
                best, fewest = turns, now
            if fewest <= goal:
                break
        if best > self._folded:
            self._folded, self._mark_tokens = best, message_tokens(outline.mark(best))
        return fewest

    def _is_gone(self, index: int) -> bool:
        return index < self._outline.kept_from(self._folded) and self._outline.may_go(index)

    def result(self, tokens: int) -> Compaction:
        """The conversation as it stands; ``tokens`` are those of the whole."""
        outline, messages, left_out = self._outline, self.now, []
        if self._folded:
            end, at = outline.kept_from(self._folded), outline.opening[-1] + 1
            stay = [index for index in range(end) if not outline.may_go(index)]
            before = [self.now[index] for index in stay if index < at]
            after = [self.now[index] for index in stay if index >= at]
            messages = [*before, outline.mark(self._folded), *after, *self.now[end:]]
            gone = sum(self._whole[index] for index in range(end) if outline.may_go(index)) - self._mark_tokens
            left_out.append(LeftOut(FOLDED, *outline.marked(self._folded), gone))
        for index, rule in sorted(self._rule_of.items()):
            if not self._is_gone(index):
                left_out.append(LeftOut(rule, index, index, self._whole[index] - self.sizes[index]))
        return Compaction(messages, tokens, self.tokens, tuple(left_out), self._folded)
