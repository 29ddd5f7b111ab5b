"""What the words of a prompt say of its difficulty: one readable table of rules, English and German.

The weights are set by hand, for what people ask an assistant all day: no public data has it. What can be learned from
data is in :mod:`gateway_core.routing.measures`.
"""

from __future__ import annotations

import re
from functools import cache

from gateway_core.frozen import frozen
from gateway_core.routing.measures import both_ends

BEGINNING, END = 300, 300
"""Characters of a longer prompt that the rules look at: what is asked stands there, and what is pasted between. Over
the whole text the rules made the router worse (APGR .62 instead of .65 on RouterArena)."""


@frozen
class Rule:
    """Adds ``weight`` to the difficulty where ``pattern`` is found, whatever the case.

    One of ``parts`` stands in every ASCII text in which it is, in lower case: to look for these is ten times as fast.
    Empty for a pattern that is fast itself.
    """

    name: str
    weight: float
    pattern: str
    parts: tuple[str, ...]

    def applies(self, asked: str) -> bool:
        return _compiled(self.pattern).search(asked) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """When it is first needed: most prompts have no part of most rules."""
    return re.compile(pattern, re.IGNORECASE)


def _rule(name: str, weight: float, pattern: str, parts: str = "") -> Rule:
    return Rule(name, weight, pattern, tuple(parts.split()))


RULES = (
    _rule(
        "greeting or thanks",
        -0.40,
        r"^\W*(hi|hello|hey|thanks|thank you|good (morning|evening)"
        r"|hallo|moin|servus|danke|guten (morgen|tag|abend))\b.{0,40}$",
    ),
    _rule(
        "yes, no or go on",
        -0.35,
        r"^\W*((yes|no|ok(ay)?|sure|please|continue|go on|go ahead|ja|nein|gut|bitte|weiter|mach weiter|passt)\W*)"
        r"{1,3}$",
    ),
    _rule(
        "a short fact",
        -0.20,
        r"^\W*(what (is|are|does)|who (is|was)|when (is|was|did)|where (is|are)|which|define"
        r"|how (many|much|old|far|tall)|was (ist|sind|heißt|bedeutet)|wer (ist|war)|wann|wo (ist|liegt)"
        r"|wie (viele?|alt|weit|hoch))\b.{0,120}$",
    ),
    _rule(
        "rewording",
        -0.18,
        r"\b(translate|rephrase|reword|summari[sz]e|fix (the )?(typos?|grammar)|spell|shorten|extract|list"
        r"|übersetze?|fasse .{0,40}zusammen|zusammenfass\w*|formuliere .{0,40}um|kürze|korrigiere|liste)\b",
        "translate rephrase reword summari fix spell shorten extract list zusammen formuliere korrigiere",
    ),
    _rule(
        "proof",
        0.22,
        r"\b(prove|proof|derive|root cause|beweise?|beweis|leite .{0,20}her|ursache)\b",
        "prove proof derive root beweis leite ursache",
    ),
    _rule(
        "reasoning",
        0.14,
        r"\b(why does|why is|trade-?offs?|compare|evaluate|analy[sz]e|reason about|warum|weshalb|vergleiche?|bewerte"
        r"|analysiere|abwäg\w*)\b",
        "why trade compare evaluate analy reason warum weshalb vergleich bewerte",
    ),
    _rule(
        "design",
        0.28,
        r"\b(architect\w*|design (a|an|the)|refactor|migrat\w+|implement|concurren\w+|deadlock|race condition"
        r"|distributed|optimi[sz]e|algorithm|security review|threat model|entwirf|entwerfe|architektur|umbau\w*"
        r"|implementiere?|nebenläufig\w*|verteilte\w*|optimiere|algorithmus|sicherheitskonzept)\b",
        "architect design refactor migrat implement concurren deadlock race distributed optimi algorithm"
        " security threat entwirf entwerfe architektur umbau verteilte sicherheitskonzept",
    ),
    _rule(
        "debugging",
        0.16,
        r"\b(debug|traceback|stack ?trace|segfault|exception|fails? with|bug|fehler(meldung)?|absturz)\b",
        "bug trace segfault exception fail fehler absturz",
    ),
    _rule(
        "mathematics",
        0.14,
        r"\b(integral|derivative|matrix|eigenvalue|probability|theorem|ableitung|wahrscheinlichkeit)\b|[∑∫√≤≥]",
        "integral derivative matrix eigenvalue probability theorem ableitung wahrscheinlichkeit",
    ),
    _rule(
        "code",
        0.10,
        r"```|\b(def|class|function|SELECT|import|struct|impl|lambda)\b.*[({:;]",
        "``` def class function select import struct impl lambda",
    ),
    Rule("a list of demands", 0.12, r"(?m)(^[ \t]*(\d+[.)]|[-*])[ \t].+\n*){3,}", ("\n",)),
    _rule(
        "several constraints",
        0.12,
        r"\b(must|should|ensure|without|at least|at most|muss|soll|ohne|mindestens|höchstens)\b.*"
        r"\b(must|should|ensure|without|and also|muss|soll|ohne|sowie)\b",
        "must should ensure without least most muss soll ohne mindestens",
    ),
    _rule(
        "long work",
        0.12,
        r"\b(entire|whole|full|complete|comprehensive|detailed|gesamte?n?|vollständig\w*|ausführlich\w*)\b",
        "entire whole full complete comprehensive detailed gesamt",
    ),
)


_PARTS = [(part, rule.name) for rule in RULES for part in rule.parts]


def found_in(text: str) -> list[Rule]:
    """The rules that apply to a prompt."""
    asked = both_ends(text, BEGINNING, END)
    if not asked.isascii():
        return [rule for rule in RULES if rule.applies(asked)]
    lower = asked.lower()
    likely = {name for part, name in _PARTS if part in lower}
    return [rule for rule in RULES if (not rule.parts or rule.name in likely) and rule.applies(asked)]
