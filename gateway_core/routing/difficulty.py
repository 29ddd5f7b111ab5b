"""How hard a prompt is, from its structure alone.

One readable table of rules, English and German. The score is 0 (a greeting) to 1 (design, proof, many constraints).
What the rules do not recognise scores between the bands, so that the configured default tier takes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway_core.model import Difficulty, Feature

EASY_BELOW = 0.35
HARD_FROM = 0.65
BASE = 0.42
EXAMINED_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class Rule:
    """Adds ``weight`` to the difficulty where ``pattern`` is found."""

    name: str
    weight: float
    pattern: re.Pattern[str]


def _rule(name: str, weight: float, pattern: str) -> Rule:
    return Rule(name, weight, re.compile(pattern, re.IGNORECASE))


RULES = (
    _rule(
        "greeting or thanks",
        -0.40,
        r"^\W*(hi|hello|hey|thanks|thank you|good (morning|evening)"
        r"|hallo|moin|servus|danke|guten (morgen|tag|abend))\b.{0,40}$",
    ),
    _rule("yes, no or go on", -0.35, r"^\W*(yes|no|ok(ay)?|sure|continue|go on|ja|nein|weiter|mach weiter|passt)\W*$"),
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
    ),
    _rule(
        "reasoning",
        0.22,
        r"\b(prove|proof|derive|why does|why is|root cause|trade-?offs?|compare|evaluate|analy[sz]e|reason about"
        r"|step by step|beweise?|leite .{0,20}her|warum|weshalb|ursache|vergleiche?|bewerte|analysiere|abwäg\w*"
        r"|schritt für schritt)\b",
    ),
    _rule(
        "design",
        0.26,
        r"\b(architect\w*|design (a|an|the)|refactor|migrat\w+|implement|concurren\w+|deadlock|race condition"
        r"|distributed|optimi[sz]e|algorithm|security review|threat model|entwirf|entwerfe|architektur|umbau\w*"
        r"|implementiere?|nebenläufig\w*|verteilte\w*|optimiere|algorithmus|sicherheitskonzept)\b",
    ),
    _rule(
        "debugging",
        0.16,
        r"\b(debug|traceback|stack ?trace|segfault|exception|fails? with|bug|fehler(meldung)?|absturz)\b",
    ),
    _rule(
        "mathematics",
        0.14,
        r"\b(integral|derivative|matrix|eigenvalue|probability|theorem|ableitung|wahrscheinlichkeit)\b|[∑∫√≤≥]",
    ),
    _rule("code", 0.10, r"```|\b(def|class|function|SELECT|import|struct|impl|lambda)\b.*[({:;]"),
    _rule("a list of demands", 0.12, r"(?m)(^[ \t]*(\d+[.)]|[-*])[ \t].+\n*){3,}"),
    _rule(
        "several constraints",
        0.12,
        r"\b(must|should|ensure|without|at least|at most|muss|soll|ohne|mindestens|höchstens)\b.*"
        r"\b(must|should|ensure|without|and also|muss|soll|ohne|sowie)\b",
    ),
    _rule(
        "long work",
        0.12,
        r"\b(entire|whole|full|complete|comprehensive|detailed|gesamte?n?|vollständig\w*|ausführlich\w*)\b",
    ),
)

LENGTH_STEPS = ((4_000, 0.22), (1_500, 0.15), (600, 0.08), (80, 0.0), (0, -0.06))
"""(from this many characters, weight)."""


def difficulty(user_text: str) -> Difficulty:
    """The difficulty of the user's own words; an empty text is a plain 'go on'."""
    text = user_text[:EXAMINED_CHARACTERS]
    found = [Feature(rule.name, rule.weight) for rule in RULES if rule.pattern.search(text)]
    length = next(weight for start, weight in LENGTH_STEPS if len(user_text) >= start)
    if length:
        found.append(Feature(f"{len(user_text):,} characters", length))
    score = min(1.0, max(0.0, BASE + sum(feature.points for feature in found)))
    return Difficulty(round(score, 3), tuple(sorted(found, key=lambda feature: -abs(feature.points))))
