"""Words that make an answer depend on time, place, state or chance: an old answer does not answer such a question."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_LOOKED_AT = 4_000
"""Characters looked at from either end of a long text: what is asked stands before or after what was pasted."""

_ENGLISH = (
    *("today", "tonight", "tomorrow", "yesterday", "now(?:adays)?", "current(?:ly)?", "latest", "newest"),
    *("recent(?:ly)?", "upcoming", "presently", "at (?:the|this) (?:moment|time)", "so far", "up[ -]to[ -]date"),
    *("still", "yet", "ago", "as of", "lately", "meanwhile"),
    *(
        rf"{which} (?:hour|day|week|month|quarter|year|night|morning|afternoon|evening"
        r"|weekend|mon|tues|wednes|thurs|fri|satur|sun)\w*"
        for which in ("this", "next", "last", "past", "previous", "coming")
    ),
    *(rf"{which} \d+ (?:second|minute|hour|day|week|month|year)s?" for which in ("last", "past", "next", "previous")),
    r"since (?:last|this|\d)\w*",
    r"what(?:'s| is|s)? (?:the )?(?:time|date|day|hour|year)(?: is(?: it)?)?(?=\W*$)",
    *("what time is it", "o'?clock"),
    *("weather", "forecast", "temperature (?:in|outside)", "news", "headlines", "exchange rates?", "live scores?"),
    *(f"{kind} prices?" for kind in ("stock", "share", "market", "crypto", "bitcoin")),
    *("traffic", "uptime"),
    *("here", "near(?:by| me)", "around me", "where (?:am|are) (?:i|we)", "my location"),
    *("random(?:ly|ize)?", "uuid", r"roll (?:a|the|\d+) di(?:c?e)", r"roll \d*d\d+", "flip a coin", "toss a coin"),
    *("lottery", "surprise me", "shuffle"),
    *(
        f"{verb} (?:a|an|any|one|some)"
        for verb in ("pick", "choose", "draw", "suggest", "invent", "make up", "think of")
    ),
    *(f"{which} (?:joke|poem|riddle)s?" for which in ("a", "another", "some")),
    *(
        rf"{verb} (?:me )?(?:an? )?(?:\w+ )?(?:password|passphrase|token|secret|api key|username)"
        for verb in ("generate", "create", "make", "need")
    ),
    *("raining", "snowing", "how old (?:is|are)"),
    r"how much is .{1,40} in (?:euros?|dollars?|pounds|yen|usd|eur)",
    *(f"{what} of (?:bitcoin|gold|silver|oil|gas|petrol|ethereum)" for what in ("price", "cost")),
    *("when is the next", "who is winning", "what (?:weekday|week|month) is it"),
    "how many (?:days|weeks|hours) (?:are there )?until",
    *(f"{verb}(?: .{{1,60}})? (?:running|checked out|logged in|down|online)" for verb in ("is", "are")),
)
_GERMAN = (
    *(r"heut(?:e|ig\w*)", "morgen", "gestern", "jetzt", "gerade", r"aktuell\w*", r"derzeit\w*", r"momentan\w*"),
    *("zur ?zeit", r"neuest\w*", "neuerdings", "kuerzlich", "kürzlich", "neulich", "demn(?:ä|ae)chst", "bisher"),
    *("inzwischen", "mittlerweile", "noch immer", "immer noch", "letztens"),
    *(
        rf"{which} (?:stunde|tag|woche|monat|quartal|jahr|nacht|abend|wochenende"
        r"|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag)\w*"
        for which in ("diese[nmrs]?", "letzte[nmrs]?", "n(?:ä|ae)chste[nmrs]?", "vorige[nmrs]?", "kommende[nmrs]?")
        + ("vergangene[nmrs]?",)
    ),
    r"vor (?:\d+|einer|einem|zwei|drei|kurzem) ?(?:sekunde|minute|stunde|tag|woche|monat|jahr)?\w*",
    *("uhr(?:zeit)?", "wie sp(?:ä|ae)t", "welche[rns]? (?:tag|datum|jahr)", "datum"),
    *(r"wetter\w*", "vorhersage", "nachrichten", "schlagzeilen", r"aktienkurs\w*", r"b(?:ö|oe)rsenkurs\w*"),
    *(r"wechselkurs\w*", "verkehrslage"),
    *("hier", "in (?:der|meiner) n(?:ä|ae)he", "wo (?:bin|sind) (?:ich|wir)", "mein standort"),
    *("regnet", "schneit", "wie alt (?:ist|sind)", r"wann ist (?:der|die|das) n(?:ä|ae)chste\w*", r"witz\w*"),
    "passwort (?:generieren|erzeugen)",
    *(
        rf"{verb} (?:mir )?(?:ein |einen )?(?:\w+ )?(?:passwort|token|schl(?:ü|ue)ssel)"
        for verb in ("generiere", "erzeuge", "erstelle")
    ),
    *("wie viele (?:tage|wochen) (?:sind es )?(?:noch )?bis", "was kostet (?:benzin|bitcoin|gold|strom)"),
    *(r"zuf(?:ä|ae)llig\w*", r"zufalls\w*", "w(?:ü|ue)rf(?:le|eln)", "wirf eine m(?:ü|ue)nze", r"lotto\w*"),
)


def _any_of(rules: Iterable[str]) -> re.Pattern[str]:
    """A whole word or words that one of the rules describes.

    Each begins with a letter, and is only tried at words that begin with it: it takes a fourth of the time.
    """
    by_letter: dict[str, list[str]] = {}
    for rule in rules:
        by_letter.setdefault(rule[0], []).append(rule[1:])
    groups = "|".join(f"{letter}(?:{'|'.join(rest)})" for letter, rest in by_letter.items())
    return re.compile(rf"\b(?:{groups})\b")


_DEPENDENT = _any_of(_ENGLISH + _GERMAN)


def depends_on_now(text: str) -> bool:
    """Whether the answer to ``text`` may be another one later, elsewhere, or the next time it is asked."""
    if len(text) > 2 * _LOOKED_AT:
        text = f"{text[:_LOOKED_AT]} {text[-_LOOKED_AT:]}"
    return _depends(text)


@lru_cache(maxsize=64)
def _depends(text: str) -> bool:
    """A conversation sends its last turns again and again, and 8,000 characters take .4 ms."""
    return _DEPENDENT.search(text.lower()) is not None
