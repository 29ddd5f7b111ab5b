"""Looks through a text for what it asks of an agent: in words, as a command, or in a code block to be run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway_core.gates.policy_asks import asks, code_blocks, sentences, spoken, unquoted
from gateway_core.gates.policy_match import Finding, Matcher, first_form
from gateway_core.gates.policy_words import RUN, pattern

_LINE_CHARS = 400
"""How far back the line before a code block is looked for."""


def findings(
    lower: str, cues: Sequence[str], rules: Sequence[Matcher], commands: Sequence[Matcher]
) -> Iterator[Finding]:
    """Each forbidden ask of a lower-case text in which there are these ``cues``."""
    said = spoken(lower)
    cued = [matcher for matcher in commands if not matcher.cues.isdisjoint(cues)]
    yield from _asked(said, cues, rules, commands)
    yield from _bare_command(said, cued)
    yield from _run_blocks(lower, said, cued)


def _asked(
    said: str, cues: Sequence[str], all_rules: Sequence[Matcher], all_commands: Sequence[Matcher]
) -> Iterator[Finding]:
    """What the text asks for in words. A command may stand in quotation marks, the object of another ask may not."""
    plain = unquoted(said)
    for sentence in sentences(plain):
        own = said[sentence.start : sentence.end]
        seen = [cue for cue in cues if cue in own]
        if not seen:
            continue
        rules = [matcher for matcher in all_rules if not matcher.cues.isdisjoint(seen)]
        commands = [matcher for matcher in all_commands if not matcher.cues.isdisjoint(seen)]
        for ask in asks(plain, sentence):
            yield from (found for matcher in commands if (found := matcher.match(said, ask)))
            yield from (found for matcher in rules if (found := matcher.match(plain, ask)))


_PLEASE = pattern(r"\s*(?:(?:please|pls|bitte|now|jetzt|sudo|ok|just|mal)[\s,]+)*")
_TALKED_ABOUT = pattern(
    r"[^\n]*?\b(?:is|was|are|were|does|did|means|will|would|can|could|should|ist|war|macht|bedeutet|wird|würde|löscht|kann"
    r"|sollte|hat|has)\b"
)


def _bare_command(said: str, commands: Sequence[Matcher]) -> Iterator[Finding]:
    """The command that is the whole message."""
    if "\n" in said.strip() or "?" in said:
        return
    begin = _PLEASE.match(said)
    for matcher in commands:
        match = matcher.line.match(said, begin.end() if begin else 0)
        if match and not _TALKED_ABOUT.match(said, match.end()):
            yield Finding(matcher.rule, match.start(), match.end())


_RUN_THIS = pattern(
    rf"{first_form(RUN)}(?: (?:bitte|mal|please|mir|for me))*"
    r" (?:this|these|that|it|the following|das|dies\w*|(?:den |die |das )?folgende\w*|es)\b"
    rf"|(?:[^\s,]+ ){{0,5}}?(?:{RUN.german_last})\b"
)


def _run_blocks(lower: str, said: str, commands: Sequence[Matcher]) -> Iterator[Finding]:
    """The commands in a code block that the line before it asks to run."""
    if not commands:
        return
    for block in code_blocks(lower):
        line = said[max(0, block.start() - _LINE_CHARS) : block.start()].rstrip().rpartition("\n")[2]
        if any(_RUN_THIS.match(line, ask.start) for sentence in sentences(line) for ask in asks(line, sentence)):
            for matcher in commands:
                if match := matcher.line.search(lower, block.start(), block.end()):
                    yield Finding(matcher.rule, match.start(), match.end())
