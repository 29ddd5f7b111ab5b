"""What a text asks for: the places where an order, a wish or a how-to begins.

The policy gate refuses what is asked, not what is mentioned. So quoted material (code blocks, transcripts, logs,
e-mail quotes, quotation marks) is blanked first, and of what is left only those places count where a sentence turns to
the agent: *delete …*, *please …*, *kannst du …*, *ich will, dass du …*. Questions and statements have no such place.

Everything works on lower-case text whose offsets are those of the text it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from gateway_core.frozen import frozen
from gateway_core.gates.policy_moods import Mood
from gateway_core.gates.policy_words import pattern


@frozen
class Ask:
    """One ask: it begins at ``start``, where its verb is expected, and nothing it asks for stands behind ``end``."""

    start: int
    end: int
    mood: Mood
    sentence_start: int
    sentence_end: int


# --- material: what the user shows rather than says ---------------------------------------------------------------

_FENCE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_QUOTED = re.compile(r'"[^"\n]{2,400}"|„[^„“”"\n]{2,400}[“”"]|“[^“”\n]{2,400}”|«[^«»\n]{2,400}»|»[^»«\n]{2,400}«')
_SHOWN_LINE = re.compile(
    r"^(?:"
    r"[ \t]*>"  # a quoted mail
    r"|[ \t]*(?:[$#%][ \t]|ps [a-z]:|[\w.-]+@[\w.-]+[:~ ][^\n]{0,60}[$#])"  # a shell's prompt
    r"|[ \t]*\[?(?:\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\w{3} [ \d]\d \d\d:)"  # a log's time stamp
    r"|[ \t]*\[?(?:debug|info|warn|warning|error|fatal|trace)\b[\]:]"
    r"|(?:\t| {4})(?![-*•] )"  # indented code
    r"|[ \t]*(?:def|class|import|from \w+ import|const|let|var|function|public|private|return|select|insert)\b"
    r"(?=[^\n]*[({=;*])"
    r")[^\n]*|^[^\n]*[;{}][ \t]*$",
    re.MULTILINE,
)


def spoken(text: str) -> str:
    """``text`` with shown material turned into spaces; offsets stay."""
    if "```" in text or "~~~" in text:
        text = _FENCE.sub(_blank, text)
    if "\n" in text.strip():
        text = _SHOWN_LINE.sub(_blank, text)
    return text


def unquoted(text: str) -> str:
    """``text`` with everything in quotation marks turned into spaces; offsets stay."""
    return _QUOTED.sub(_blank, text)


def code_blocks(text: str) -> Iterator[re.Match[str]]:
    """The code blocks of ``text``."""
    return _FENCE.finditer(text)


def _blank(match: re.Match[str]) -> str:
    return "\n".join(" " * len(line) for line in match.group().split("\n"))


# --- sentences -----------------------------------------------------------------------------------------------------

_SENTENCE_END = re.compile(r"[.!?]+(?=[\s)]|$)|\n|;(?=\s)")
_LIST_MARK = re.compile(r"\s*(?:(?:[-*•]|\d{1,2}[.)])\s+)?")
_LABEL = pattern(
    r"(?:(?:your |the |new |next |main |deine |neue |nächste )*(?:task|todo|goal|step|job|mission|urgent|important"
    r"|agent|claude|assistant|quick one|one more thing|favou?r|aufgabe|ziel|schritt|auftrag|wichtig|dringend"
    r"|kurze frage|noch was|eine bitte)(?: \d+)?"
    r"|(?:please |bitte )?(?:do|run|execute|mach|erledige|führe?)\b[^:]{0,40})\s*:"
)


@frozen
class Sentence:
    """One sentence of a text, without its list mark and its end mark."""

    start: int
    end: int
    asks_back: bool
    """It ends with a question mark."""


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of ``text`` without those of a list whose heading only talks about it (*the docs say:*)."""
    start, under_heading, lines_under = 0, False, 0
    for mark in chain(_SENTENCE_END.finditer(text), (None,)):
        end, ended_by, go_on = (mark.start(), mark.group(), mark.end()) if mark else (len(text), "", len(text))
        begin = _past(_LIST_MARK, text, start, end)
        if begin < end:
            if not under_heading:
                yield Sentence(begin, end, "?" in ended_by)
            lines_under += 1
            if ended_by in ("\n", "") and text[begin:end].rstrip().endswith(":"):
                under_heading, lines_under = not _LABEL.fullmatch(text[begin:end].rstrip()), 0
        elif ended_by == "\n" and lines_under:
            under_heading = False
        start = go_on


# --- where an ask begins -------------------------------------------------------------------------------------------

_FILLER = (
    r"(?:(?:ok|okay|hey|hi|hello|yo|dude|alright|so|well|now|then|also|just|simply|quickly|first|next|finally|afterwards"
    r"|immediately|claude|agent|assistant|go ahead and|let'?s|hallo|moin|servus|na|jetzt|nun|dann|danach|anschließend"
    r"|sofort|also|zuerst|als nächstes|erst|mal|eben|einfach|schnell|kurz|sudo)\b[\s,]*)*"
)
_START = pattern(_FILLER)
_REQUEST = pattern(
    r"(?:(?:please|pls|plz|bitte|(?:can|could|would|will) (?:you|u)|i(?: want| need|'d like| would like) you to"
    r"|you (?:should|must|have to|need to|are to)|your (?:job|task|goal|mission) is to|help me(?: to)?"
    r"|(?:kannst|könntest|würdest|wirst|magst|willst) (?:du|sie)|(?:können|könnten|würden) sie"
    r"|du (?:sollst|musst|wirst|kannst)|ich (?:will|möchte|wünsche mir|brauche|verlange),? dass du|hilf mir(?: dabei)?"
    r"|lass uns|use (?:[\w-]+ ){1,2}to|sorge? dafür,? dass|deine aufgabe ist(?: es)?)\b[\s,]*" + _FILLER + r")+"
)
_WISH = pattern(
    r"(?:i(?: want|'d like| would like| need)(?: to)?|i'm looking for|we need(?: to)?"
    r"|ich (?:brauche|will|möchte|suche|hätte gerne?|würde gerne?)|wir brauchen)\b\s*"
)
_HOW_TO = pattern(
    r"(?:how (?:do|can|could|would|should|to)(?: i| we| you)?|wie (?:kann|könnte|würde) (?:ich|man|wir)|wie)\b\s*"
)
_QUESTION = pattern(
    r"(?:what|what's|whats|why|how|when|where|who|which|is|are|does|do (?:i|we|you|they)|did|should|has|have"
    r"|were|can|could|would|will|am|isn't|doesn't|wie|warum|wieso|weshalb|wann|wo|wohin|woher|wer|wen|welche\w*|was"
    r"|ist|sind|gibt es|darf|dürfen|muss|müssen|soll|sollte|kann|können|hat|haben|wird|würde|wurde)\b"
)
_STATEMENT = pattern(
    r"(?:i|i'm|i've|we|we're|he|she|it|it's|they|you|someone|somebody|nobody|everyone|the|this|these|that|those|there"
    r"|our|my|your|his|her|their|a|an|ich|wir|er|sie|es|du|man|jemand|niemand|jeder|der|die|das|dieser?|dieses|diesen"
    r"|ein|eine|einer|einem|unser\w*|mein\w*|dein\w*|sein\w*|ihr\w*|den|dem|im|in|am|beim|laut|gestern|heute|yesterday)\b"
)
_CONDITION = pattern(r"(?:if|when|whenever|once|as soon as|after|before|wenn|falls|sobald|nachdem|bevor)\b")
_MODAL = pattern(
    r"\b(?:can|could|should|would|may|might|must|to|will|cannot|never|not|kann|können|könnte\w*|sollte?n?|dürfen|darf"
    r"|muss|müssen|will|wollen|nicht|nie|zu)\b"
)
_FINITE = pattern(_MODAL.pattern + r"|\b(?:i|we|they|ich|wir|er|sie|es|man|wurden?|werden|haben?|hat)\b")
"""What an order in the infinitive does not have: a subject or an auxiliary."""
_SUBORDINATE = pattern(
    r"\b(?:how|what|why|whether|if(?!=)|when|where|who|because|unless|before|until|while|wie|was|warum|ob|wenn|falls|weil"
    r"|bevor|bis|während|wo|dass)\b"
)
_JOINT = pattern(
    r"(?P<comma>,|:|\s[-–—])\s+(?:(?:and|then|und|dann|but|aber)\s+)*|\s(?:and|then|und|dann)\s+(?:(?:then|dann)\s+)?"
)
_MAKES = pattern(
    r"(?:write|create|build|make|code|generate|develop|program|implement|give me|i need|set up|schreibe?|erstelle?"
    r"|baue?|bastle|entwickle|programmiere?|generiere?|mache?|erzeuge?|richte)\b"
)
_THAT = pattern(
    r"(?:script|program|programme|tool|bot|app|function|one-liner|command|cron ?job|service|daemon|job|batch file"
    r"|software|code|extension|skript|programm|werkzeug|funktion|befehl|cronjob|dienst|batch-?datei|makro|erweiterung)\b"
    r",?\s+(?:[^\s,]+\s+){0,4}?(?:that|which|to|who|das|der|die|welche[sr]?|um)\s+"
)


_REACH = 600
"""Characters. A longer sentence is looked at in pieces of this length, so that the time stays linear in the text."""


def asks(text: str, sentence: Sentence) -> Iterator[Ask]:
    """The asks of one sentence of ``text`` (lower case, :func:`spoken` and :func:`unquoted`)."""
    opening = _past(_START, text, sentence.start, sentence.end)
    near_end = min(sentence.end, opening + _REACH)
    strong = _REQUEST.match(text, opening, near_end)
    condition = not sentence.asks_back and bool(_CONDITION.match(text, opening, near_end))
    question = not (strong or condition) and bool(_QUESTION.match(text, opening, near_end))
    statement = not strong and bool(_STATEMENT.match(text, opening, near_end))

    if question:
        if how := _HOW_TO.match(text, opening, near_end):
            yield _ask(text, how.end(), sentence, Mood.HOW_TO)
    elif strong:
        yield from _with_purpose(text, _ask(text, strong.end(), sentence, Mood.REQUEST))
    elif statement:
        if wish := _WISH.match(text, opening, near_end):
            yield from _with_purpose(text, _ask(text, wish.end(), sentence, Mood.WISH))
    elif not condition:
        yield from _with_purpose(text, _ask(text, opening, sentence, Mood.ORDER))
    if not (strong or sentence.asks_back or _FINITE.search(text, opening, near_end)):
        yield _ask(text, opening, sentence, Mood.INFINITIVE)

    for joint in _JOINT.finditer(text, opening, sentence.end):
        before = text[max(opening, joint.start() - _REACH) : joint.start()]
        if text[joint.start()] == ":" and not _LABEL.fullmatch(before + ":"):
            return
        begin = _past(_START, text, joint.end(), sentence.end)
        if request := _REQUEST.match(text, begin, sentence.end):
            yield from _with_purpose(text, _ask(text, request.end(), sentence, Mood.REQUEST))
        elif not question and not _goes_on(before, statement, condition, bool(joint["comma"])):
            yield from _with_purpose(text, _ask(text, begin, sentence, Mood.ORDER))


def _goes_on(before: str, statement: bool, condition: bool, comma: bool) -> bool:
    """Whether what follows a joint still belongs to what is told in ``before``, so that it is no order."""
    if condition:  # after its comma the order comes: "If the disk is full, delete …"
        return not comma
    if statement and (not comma or _MODAL.search(before)):  # "it can build, test and delete …"
        return True
    return bool(_SUBORDINATE.search(before))


def _ask(text: str, start: int, sentence: Sentence, mood: Mood) -> Ask:
    """The ask at ``start``, up to where its sentence goes on to something it only mentions."""
    first, last = max(sentence.start, start - _REACH), min(sentence.end, start + _REACH)
    aside = _SUBORDINATE.search(text, start + 1, last)
    return Ask(start, aside.start() if aside else last, mood, first, last)


def _with_purpose(text: str, ask: Ask) -> Iterator[Ask]:
    """``ask``, and what the thing it wants written shall do."""
    yield ask
    if ask.mood is Mood.WISH or _MAKES.match(text, ask.start):
        for that in _THAT.finditer(text, ask.start, ask.end):
            yield replace(ask, start=that.end(), mood=Mood.THAT)


def _past(what: re.Pattern[str], text: str, start: int, end: int) -> int:
    """Where ``what`` ends that stands at ``start``; ``start`` when it does not stand there."""
    match = what.match(text, start, end)
    return match.end() if match else start
