"""Words that make an answer depend on time, place, state or chance: an old answer does not answer such a question."""

from __future__ import annotations

import re

_LOOKED_AT = 4_000
"""Characters looked at from either end of a long text: what is asked stands before or after what was pasted."""

_ENGLISH = (
    r"today|tonight|tomorrow|yesterday|now(?:adays)?|current(?:ly)?|latest|newest|recent(?:ly)?|upcoming|presently",
    r"at (?:the|this) (?:moment|time)|so far|up[ -]to[ -]date|still|yet|ago|as of|lately|meanwhile",
    r"(?:this|next|last|past|previous|coming) (?:hour|day|week|month|quarter|year|night|morning|afternoon|evening"
    r"|weekend|mon|tues|wednes|thurs|fri|satur|sun)\w*|(?:last|past|next|previous) \d+ (?:second|minute|hour|day|week"
    r"|month|year)s?|since (?:last|this|\d)\w*",
    r"what(?:'s| is|s)? (?:the )?(?:time|date|day|hour|year)(?: is(?: it)?)?(?=\W*$)|what time is it|o'?clock",
    r"weather|forecast|temperature (?:in|outside)|news|headlines|(?:stock|share|market|crypto|bitcoin) prices?"
    r"|exchange rates?|live scores?|traffic|uptime",
    r"here|near(?:by| me)|around me|where (?:am|are) (?:i|we)|my location",
    r"random(?:ly|ize)?|uuid|roll (?:a|the|\d+) di(?:c?e)|roll \d*d\d+|(?:flip|toss) a coin|lottery|surprise me",
    r"shuffle|(?:pick|choose|draw|suggest|invent|make up|think of) (?:a|an|any|one|some)"
    r"|(?:a|another|some) (?:joke|poem|riddle)s?"
    r"|(?:generate|create|make|need) (?:me )?(?:an? )?(?:\w+ )?(?:password|passphrase|token|secret|api key|username)",
    r"raining|snowing|how old (?:is|are)|how much is .{1,40} in (?:euros?|dollars?|pounds|yen|usd|eur)|when is the next"
    r"|(?:price|cost) of (?:bitcoin|gold|silver|oil|gas|petrol|ethereum)|who is winning"
    r"|what (?:weekday|week|month) is it|how many (?:days|weeks|hours) (?:are there )?until",
    r"(?:is|are)(?: .{1,60})? (?:running|checked out|logged in|down|online)",
)
_GERMAN = (
    r"heut(?:e|ig\w*)|morgen|gestern|jetzt|gerade|aktuell\w*|derzeit\w*|momentan\w*|zur ?zeit|neuest\w*|neuerdings"
    r"|kuerzlich|kürzlich|neulich|demn(?:ä|ae)chst|bisher|inzwischen|mittlerweile|noch immer|immer noch|letztens",
    r"(?:diese[nmrs]?|letzte[nmrs]?|n(?:ä|ae)chste[nmrs]?|vorige[nmrs]?|kommende[nmrs]?|vergangene[nmrs]?) "
    r"(?:stunde|tag|woche|monat|quartal|jahr|nacht|abend|wochenende|montag|dienstag|mittwoch|donnerstag|freitag|samstag"
    r"|sonntag)\w*|vor (?:\d+|einer|einem|zwei|drei|kurzem) ?(?:sekunde|minute|stunde|tag|woche|monat|jahr)?\w*",
    r"uhr(?:zeit)?|wie sp(?:ä|ae)t|welche[rns]? (?:tag|datum|jahr)|datum",
    r"wetter\w*|vorhersage|nachrichten|schlagzeilen|aktienkurs\w*|b(?:ö|oe)rsenkurs\w*|wechselkurs\w*|verkehrslage",
    r"hier|in (?:der|meiner) n(?:ä|ae)he|wo (?:bin|sind) (?:ich|wir)|mein standort",
    r"regnet|schneit|wie alt (?:ist|sind)|wann ist (?:der|die|das) n(?:ä|ae)chste\w*|witz\w*"
    r"|passwort (?:generieren|erzeugen)"
    r"|(?:generiere|erzeuge|erstelle) (?:mir )?(?:ein |einen )?(?:\w+ )?(?:passwort|token|schl(?:ü|ue)ssel)"
    r"|wie viele (?:tage|wochen) (?:sind es )?(?:noch )?bis|was kostet (?:benzin|bitcoin|gold|strom)",
    r"zuf(?:ä|ae)llig\w*|zufalls\w*|w(?:ü|ue)rf(?:le|eln)|wirf eine m(?:ü|ue)nze|lotto\w*",
)
_DEPENDENT = re.compile(rf"\b(?:{'|'.join(_ENGLISH + _GERMAN)})\b")


def depends_on_now(text: str) -> bool:
    """Whether the answer to ``text`` may be another one later, elsewhere, or the next time it is asked."""
    if len(text) > 2 * _LOOKED_AT:
        text = f"{text[:_LOOKED_AT]} {text[-_LOOKED_AT:]}"
    return _DEPENDENT.search(text.lower()) is not None
