"""Finds the first ask of a text that one of the policy's rules forbids.

Most texts have no word of any rule: what looks at the others is imported with the first of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from threading import Event, Lock
from typing import TYPE_CHECKING

from gateway_core.frozen import frozen
from gateway_core.gates.policy_moods import Mood
from gateway_core.gates.policy_rules import COMMANDS, RULES, Command, Rule
from gateway_core.gates.policy_words import ERASE, RUN, Verbs, one_of, pattern
from gateway_core.importing import import_all

if TYPE_CHECKING:
    from gateway_core.gates.policy_asks import Ask


@frozen
class Finding:
    """The rule that forbids ``text[start:end]``."""

    rule: Rule | Command
    start: int
    end: int


def cues_in(text: str) -> list[str]:
    """The words of any rule that are in ``text``. Without one it asks for nothing forbidden."""
    lower = _lower(text)
    return [cue for cue in _CUES if cue in lower]


def forbidden_ask(text: str, cues: Sequence[str]) -> Finding | None:
    """The first forbidden ask of a ``text`` with these ``cues``; None when it asks for nothing forbidden. Linear in the
    text's length."""
    from gateway_core.gates.policy_search import findings

    return next(findings(_lower(text), cues, _RULES, _COMMANDS), None)


def uncompiled(cues: Sequence[str] | None = None) -> list[Matcher]:
    """What must be compiled before a text with these ``cues`` can be looked at; before any text can where None is
    given."""
    _uncompiled[:] = waiting = [matcher for matcher in _uncompiled if not matcher.is_compiled]
    return waiting if cues is None else [matcher for matcher in waiting if not matcher.cues.isdisjoint(cues)]


def compile_each(matchers: Sequence[Matcher], given_up: Event) -> None:
    """Compiles them, about a second's work for all there are, unless it is ``given_up`` meanwhile.

    Imports what uses them. May run in several threads.
    """
    import_all(("gateway_core.gates.policy_search",))
    for matcher in matchers:
        with _compiling:
            if given_up.is_set():
                return
            matcher.compile()


def _lower(text: str) -> str:
    """``text`` in small letters and of the same length."""
    lower = text.lower()
    if len(lower) != len(text):  # İ has a small form of two characters
        lower = "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
    return lower


# --- a rule, compiled ------------------------------------------------------------------------------------------------

_PREPOSITION = (
    "(?:about|against|for|from|to|with|without|in|into|on|of|like|than|as|über|gegen|für|von|vom|aus|mit|ohne|im|ins|auf"
    r"|an (?:der|dem|den|die|das|einen?|eine[mr]|meine\w*|unsere\w*)|am|zu|zum|zur|bei|beim|vor|nach)\b"
)
_NEVER_BETWEEN = (
    r"(?:nur|nicht|bloß|keine?\w*|never|not|no|only|nie|niemals|niemand|nobody|nothing|nichts|that|which|who|des|der)\b"
)
_ARTICLE = "(?:der|dem|den|die|das|des|allen|einer|einem|(?:mein|dein|unser|dies)e[mnrs]?|the|my|our|this|all|every)"
_IN_SOMETHING = (
    rf"(?:auf|in|im|ins|vom|von|aus|an|am|bei|beim|zum|zur|into|on)(?:\s+{_ARTICLE})?\s+(?!{_ARTICLE}\b)[^\s,:]+"
)
_BETWEEN = rf"(?:{_IN_SOMETHING}|(?!{_PREPOSITION}|{_NEVER_BETWEEN})[^\s,:]+)"
"""What may stand between a verb and its object: one word, or a place as a whole (*auf dem NAS*)."""
_CONTENTS_OF = (
    r"(?:(?:contents?|values?|inhalte?|werte?) (?:of|from|in|von|vom|aus|der|des)"
    rf"(?: (?:{_ARTICLE}|[ms]einer|unserer))? )?"
)
"""Before an object: what is in it is the thing itself."""
_PHRASE_ENDS = (
    r"(?=[\"'`)]*(?:[.,:;!?]|\s*$|\s+(?:[^\w\s]|(?:"
    "about|across|after|against|all|also|an?|and|any|around|as|asap|at|because|before|behind|between|both|but|by|each"
    "|everything|except|for|forever|from|here|how|i|if|immediately|in|including|inside|instead|into|is|are|it|like|my|near"
    "|no|not|now|of|off|on|onto|or|our|out|outside|over|per|please|pls|right|so|that|the|their|them|then|there|these|they"
    "|this|through|to|today|together|tonight|too|under|until|up|upon|using|via|we|what|when|where|which|while|who|whose"
    "|why|with|within|without|you|your|completely|entirely|permanently|publicly|public|called|named|targeting|running"
    "|mimicking|imitating|disguised|written|designed|capable|aimed|für|auf|im|mit|und|oder|um|als|von|vom|zu|zum|zur|bei"
    "|aus|an|am|ohne|bitte|der"
    r"|die|das|jetzt|sofort)\b)))"
)
"""Behind an English object its phrase ends. Another noun would be the thing itself: *the server branch*."""
_OTHER_VERB = r"(?:nicht|nie|prüfen|testen|behalten|erstellen|anlegen|zählen|auflisten|sichern|zeigen)\b"
"""Not between an object and the verb at its sentence's end: the object belongs to that other verb."""
_ONLY_NAMED = (
    r"(?:not|never|nicht|niemals|nie|instead|statt|explain\w*|erklär\w*|describe\w*|against|gegen|about|über|detect\w*"
    r"|block\w*|prevent\w*)\b"
)
"""Not between *run* and a command: the command is only named."""


class Matcher:
    """A rule or a command with its patterns, one for each mood.

    They are compiled when they are first needed: all of them take a second, and few texts need any.
    """

    def __init__(self, rule: Rule | Command) -> None:
        self.rule = rule
        self.is_compiled = False
        self.cues = frozenset(form for cue in rule.cues for form in (cue, _spelt_out(cue)))

    @cached_property
    def needs(self) -> list[re.Pattern[str]]:
        return [pattern(need) for need in self.rule.needs] if isinstance(self.rule, Rule) else []

    @cached_property
    def unless(self) -> re.Pattern[str] | None:
        return pattern(self.rule.unless) if self.rule.unless else None

    @cached_property
    def forms(self) -> dict[Mood, re.Pattern[str]]:
        forms = _rule_forms(self.rule) if isinstance(self.rule, Rule) else _command_forms(self.rule)
        return {mood: pattern(form) for mood, form in forms.items()}

    @cached_property
    def line(self) -> re.Pattern[str]:
        """A command by itself."""
        assert isinstance(self.rule, Command)
        return pattern(self.rule.line)

    def compile(self) -> None:
        """Compiles what was not needed yet."""
        _ = self.needs, self.unless, self.forms
        if isinstance(self.rule, Command):
            _ = self.line
        self.is_compiled = True

    def match(self, text: str, ask: Ask) -> Finding | None:
        form = self.forms.get(ask.mood)
        match = form.match(text, ask.start, ask.end) if form else None
        if match is None or not all(need.search(text, ask.start, ask.sentence_end) for need in self.needs):
            return None
        if self.unless and self.unless.search(text, ask.sentence_start, ask.sentence_end):
            return None
        return Finding(self.rule, match.start(), match.end())


def _spelt_out(word: str) -> str:
    return word.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")


def first_form(verbs: Verbs) -> str:
    """Verbs at the beginning of an ask."""
    return one_of(rf"(?:{verbs.english})\b", _first_german(verbs))


def _first_german(verbs: Verbs) -> str:
    """*löschen Sie* is an order too."""
    return rf"(?:{verbs.german}|(?:{verbs.german_last})(?= sie\b))\b"


def _does(verbs: Verbs) -> str:
    """English verbs in the third person: *a script that deletes*."""
    return rf"(?:{verbs.english})(?:e?s)?\b"


def _rule_forms(rule: Rule) -> dict[Mood, str]:
    verbs, thing = rule.verbs, rf"[\"'`(]*{_CONTENTS_OF}(?:{rule.objects})"
    between = rf"(?:\s+{_BETWEEN}){{0,6}}?\s+"
    first = one_of(f"(?:{verbs.english})\\b{between}{thing}{_PHRASE_ENDS}", f"{_first_german(verbs)}{between}{thing}")
    last = (
        rf"(?:{_BETWEEN}\s+){{0,7}}?{thing}\S{{0,3}}(?:\s+(?!{_OTHER_VERB})\S+){{0,14}}?\s+"
        rf"(?:{verbs.german_last})(?![\w-])"
    )
    forms = {
        Mood.ORDER: first,
        Mood.REQUEST: one_of(first, last),
        Mood.THAT: one_of(f"{_does(verbs)}{between}{thing}{_PHRASE_ENDS}", last),
        Mood.INFINITIVE: rf"{last}(?:\s+bitte)?(?=\s*(?:,|$))",
        Mood.WISH: one_of(first, last, rf"(?:{_BETWEEN}\s+){{0,5}}?{thing}{_PHRASE_ENDS}"),
        Mood.HOW_TO: one_of(first, last),
    }
    return {mood: form for mood, form in forms.items() if mood in rule.moods}


def _command_forms(command: Command) -> dict[Mood, str]:
    def near(length: int) -> str:
        return rf"(?:(?!\b{_ONLY_NAMED})[^\n]){{0,{length}}}?"

    first = f"{first_form(RUN)}{near(100)}{command.line}"
    last = rf"{near(80)}{command.line}{near(60)}\s(?:{RUN.german_last}|{ERASE.german_last})(?![\w-])"
    return {
        Mood.ORDER: first,
        Mood.REQUEST: one_of(first, last),
        Mood.THAT: one_of(f"{_does(RUN)}{near(100)}{command.line}", last),
        Mood.INFINITIVE: rf"{last}(?=\s*$)",
    }


_RULES = [Matcher(rule) for rule in RULES]
_COMMANDS = [Matcher(command) for command in COMMANDS]
_uncompiled: list[Matcher] = [*_RULES, *_COMMANDS]
_compiling = Lock()
_CUES = sorted({cue for matcher in chain(_RULES, _COMMANDS) for cue in matcher.cues})
