"""What a prompt says, in a form two prompts can be compared by: kind of question, facts, and phrases in their order.

Everything in the text ends up in a :class:`Reading` except the articles, copulas and courtesies of ``words``:
what is not understood is kept as it stands, so that it counts as a difference. A text about words is taken literally.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from gateway_core.cache.guards.words import (
    ABOUT_WORDS,
    ARTICLES,
    CALENDAR,
    CONJUNCTIONS,
    COPULAS,
    ENGLISH,
    FUNCTION_WORDS,
    GERMAN,
    INFORMATION,
    KINDS,
    MARKS,
    NEGATIONS,
    NUMBER_WORDS,
    ORDINARY_WORDS,
    PROGRAMMING_LANGUAGES,
    PROTOCOLS,
    RELATIONS,
    REWRITES,
    SYNONYMS,
    TECHNOLOGIES,
    WORDS_OF_CODE,
)
from gateway_core.frozen import frozen

Phrase = tuple[str, tuple[str, ...]]
"""A preposition and the words it governs; the first phrase of a text has none."""


@frozen
class Reading:
    """One prompt as the guards see it. ``facts`` are exact and in order: numbers, code, quotes, paths, flags, names."""

    language: str
    kind: str
    marks: frozenset[str]
    negations: int
    facts: tuple[str, ...]
    phrases: tuple[Phrase, ...]
    has_do: bool = False
    """Has the verb that swaps roles: which does Django support, which support Django."""
    is_technical: bool = False
    """Names a technology, or holds code: then words that fill in elsewhere may be what is asked about."""


_TOKEN = re.compile(
    r"""
      (?P<code>```.*?```|``.+?``|`[^`\n]+`)
    | (?P<quote>"[^"\n]*"|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»|(?<!\w)'[^'\n]+'(?!\w)|(?<!\w)‘[^’\n]+’(?!\w))
    | (?P<url>\b[a-z][a-z0-9+.-]*://[^\s<>"']+|[\w.+-]{1,64}@[\w-]+\.[\w.-]+)
    | (?P<path>(?:~|\.{1,2}|[A-Za-z]:)?[/\\][^\s,;:!?"'()]*[\w/\\*~]|[\w.@-]{1,255}(?:[/\\][\w.@*-]+)+[/\\]?)
    | (?P<flag>(?<![\w-])--?[A-Za-z][\w-]*(?:=[^\s,;]+)?)
    | (?P<call>[A-Za-z_$][\w$]*(?:(?:\.|::|->)[A-Za-z_$][\w$]*)*\([^()\n]*\))
    | (?P<number>[$€£¥]?v?\d+(?:[.,:/x-]\d+)*(?:[%°]|[A-Za-z]+\b)?)
    | (?P<ident>\.?[A-Za-z$][\w$]*(?:(?:\.|::|->|-)[A-Za-z_$][\w$]*)*(?:\+\+|\#)|[@#][\w-]+
        |[A-Za-z_$][\w$]*(?:(?:\.|::|->)[A-Za-z_$][\w$]*)+|[A-Za-z$]*_[\w$]+|\.[A-Z][\w]*)
    | (?P<word>[^\W\d_]+(?:[-’'][^\W\d_]+)*|\w+)
    | (?P<mark>[.,;:!?…"'“”„‘’]+(?=\s|$)|[–—](?=\s))
    | (?P<symbol>\S)
    """,
    re.VERBOSE | re.DOTALL,
)
_FACTS = frozenset({"code", "quote", "url", "path", "flag", "call", "ident", "symbol"})
_CAMEL = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]|[A-Za-z]\d|\d[A-Za-z]")
_ESZETT = re.compile(r"(?i)\b(ma|bu|flo|mu)ß(e[nr]?)\b")
"""Words that are others with ``ss``: Maße and Masse."""
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "’": "'", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_THOUSANDS = re.compile(r"^([$€£¥]?\d{1,3})((?:,\d{3})+)(?![\d,])")


@lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """How the guards understand ``text``."""
    plain = _ESZETT.sub(r"\1sz\2", unicodedata.normalize("NFC", text)).translate(_UMLAUTS).strip()
    language = _language(plain)
    if ABOUT_WORDS.get(language, frozenset()) & set(re.findall(r"[a-z]+", plain.lower())):
        return _Reader("", f"literal {language}", plain, "").reading()
    for pattern, replacement in REWRITES.get(language, ()):
        plain = pattern.sub(replacement, plain)
    if language == ENGLISH:
        plain = INFORMATION.sub("explain" if _is_technical(plain) else "list", plain)
    plain = _unfronted(plain, language)
    kind, rest, topic = _opening(plain, language)
    return _Reader(language, kind, rest, topic).reading()


_TOPIC = re.compile(r"([\w.+#-]+(?: [\w.+#-]+)?): +(?=[\w`])")
_BARE_ORDER = re.compile(
    r"(show|give|find|list|name|zeige?|gib|nenne?|liste?|finde?)\b(?! (?:me|mir)\b)", re.IGNORECASE
)
_CODE = re.compile(r"[`\\<>{}()=$]|\w_\w|(?<!\S)--?[A-Za-z](?:\b|-)|(?<!\S)--\w")
_ALL = re.compile(r"\b(?:all|alle)\b", re.IGNORECASE)
_EXISTENCE = re.compile(r"(?:is|are) there\b|do you have\b|gibt es\b", re.IGNORECASE)
_NEED = re.compile(r"i (?:want|need|'d like|would like)\b", re.IGNORECASE)
_BARE_NOUN = re.compile(r"(?:all )?(?:the )?[A-Za-z]{2,}[^sui\W]s\b|(?:the )?[A-Za-z]+ of\b", re.IGNORECASE)


def _language(plain: str) -> str:
    """``en`` or ``de`` by their function words; ``en`` without any; empty where they do not tell."""
    words = re.findall(r"[a-z']+", plain.lower())
    english = sum(word in FUNCTION_WORDS[ENGLISH] for word in words)
    german = sum(word in FUNCTION_WORDS[GERMAN] for word in words)
    if english == german:
        return "" if english else ENGLISH
    return ENGLISH if english > german else GERMAN


def _opening(plain: str, language: str) -> tuple[str, str, str]:
    """The kind of question a text opens with, the text without that opening, and the topic before its colon."""
    topic = ""
    if found := _TOPIC.match(plain):
        topic, plain = found[1], plain[found.end() :]
    for name, pattern in KINDS.get(language, ()):
        if found := pattern.match(plain):
            opening, rest = found.group(), plain[found.end() :]
            if not _is_technical(f"{topic} {plain}"):
                return name, rest, topic
            return _operation(opening) or _unlike_elsewhere(opening) or name, _with_all(opening, rest), topic
    if topic and topic.lower().split()[0] in TECHNOLOGIES:
        return "howto", plain, topic  # "Git: undo the last commit"
    if language == ENGLISH and _BARE_NOUN.match(plain):
        return "what", plain, topic
    return "", plain, topic


_QUESTION_BEGINS = {
    ENGLISH: r"what|which|who|whom|how|where|when|why|are|is|do|does|can|will|name|list|show|give|find|tell",
    GERMAN: r"was|welche[rsnm]?|wer|wie|wo|wann|warum|ist|sind|gibt|kann|zeige?|nenne?|gib",
}
_FRONTED = {
    language: re.compile(
        rf"(?P<front>(?:{opening})\b[^,;:?!]{{2,80}}),\s+(?P<rest>(?:{_QUESTION_BEGINS[language]})\b.*?)(?P<end>[\s.?!]*)$",
        re.IGNORECASE | re.DOTALL,
    )
    for language, opening in (
        (ENGLISH, "in|during|for|on|at|before|after|within|by|next|this|as"),
        (GERMAN, "in|im|an|am|fuer|vor|nach|bei|auf|waehrend"),
    )
}


def _unfronted(plain: str, language: str) -> str:
    """``Before noon, what is offered?`` as ``what is offered before noon?``"""
    pattern = _FRONTED.get(language)
    found = pattern.match(plain) if pattern else None
    if not found:
        return plain
    front = found["front"]
    return f"{found['rest']} {front[0].lower()}{front[1:]}{found['end']}"


def _is_technical(plain: str) -> bool:
    """Whether a text names a technology or holds code."""
    words = set(re.findall(r"[\w+#]+", plain))
    named = {word.lower() for word in words if word.lower() not in ORDINARY_WORDS or word[:1].isupper()} - {"spring"}
    return bool(_CODE.search(plain) or TECHNOLOGIES & named)


def _operation(opening: str) -> str:
    """The verb of an order where it may name something to program: ``show the date in PHP`` asks for no date."""
    verb = _BARE_ORDER.match(opening)
    return verb[1].lower() if verb else ""


def _unlike_elsewhere(opening: str) -> str:
    """``Are there generics in Go?`` does not ask which, and ``I need Docker`` asks for nothing."""
    if _EXISTENCE.match(opening):
        return "existence"
    return "wish" if _NEED.match(opening) else ""


def _with_all(opening: str, rest: str) -> str:
    """``List all containers`` and ``list containers`` are two commands."""
    return f"all {rest}" if _ALL.search(opening) else rest


class _Reader:
    """Walks over one text's tokens."""

    def __init__(self, language: str, kind: str, rest: str, topic: str) -> None:
        self.language, self.kind, self.rest, self.topic = language, kind, rest, topic
        self.marks: set[str] = set()
        self.negations = 0
        self.facts: list[str] = []
        self.phrases: list[tuple[str, list[str]]] = [("", [])]
        self.is_technical = _is_technical(f"{topic} {rest}")
        self.has_do = False
        self._before = ""
        """The word before the one that is looked at."""

    def reading(self) -> Reading:
        self._walk(self.rest, starts_sentence=not self.kind)
        if self.topic:
            self.phrases.append(("in", []))
            self._walk(self.topic, starts_sentence=False)
        return Reading(
            self.language,
            self.kind,
            frozenset(self.marks),
            self.negations,
            tuple(self.facts),
            tuple((relation, tuple(words)) for relation, words in self.phrases),
            self.has_do,
            self.is_technical,
        )

    def _walk(self, text: str, *, starts_sentence: bool) -> None:
        tokens = [found for found in _TOKEN.finditer(text) if found.lastgroup != "mark" or _is_sign(text, found)]
        for place, found in enumerate(tokens):
            following = tokens[place + 1].group().lower() if place + 1 < len(tokens) else ""
            self._take(found.lastgroup or "", found.group(), starts_sentence and found.start() == 0, following)
            self._before = found.group().lower()

    def _take(self, group: str, token: str, first: bool, following: str) -> None:
        if group in _FACTS or group == "mark":
            self._fact(token[1:-1] if group == "quote" and not self.is_technical else token)
        elif group == "number":
            self._fact(_number(token))
        elif _CAMEL.search(token):
            self._fact(token)
        else:
            self._word(token, token.lower(), first, following)

    def _fact(self, token: str) -> None:
        self.facts.append(token)
        self.phrases[-1][1].append(token)

    def _is_dropped(self, word: str, following: str) -> bool:
        """An article belongs to what follows, a copula links two things: without those they are what is asked about."""
        if not following or following in CONJUNCTIONS or following in WORDS_OF_CODE:
            return False
        if word in ARTICLES.get(self.language, ()):
            return following not in RELATIONS[self.language]
        after_article = self._before in ARTICLES.get(self.language, ()) or self._before in ("use", "using")
        return word in COPULAS.get(self.language, ()) and not after_article

    def _is_whole(self, token: str) -> bool:
        """Whether a word has no ending: HTTPS is no plural of HTTP, and the last commits are not the last one."""
        is_acronym = len(token) > 1 and token.isupper()
        return is_acronym or token.lower() in PROTOCOLS or self._before in ("last", "first")

    def _word(self, token: str, word: str, first: bool, following: str) -> None:
        named = token[0].isupper() and (len(token) > 1 and token.isupper() or (self.language != GERMAN and not first))
        if word in NEGATIONS:
            self.negations += 1
        self.has_do = self.has_do or word in ("do", "does", "did")
        if not named and self._is_dropped(word, following):
            return
        if not named and (mark := MARKS.get(self.language, {}).get(word)):
            self.marks.add(mark)
            return
        if not named and (relation := RELATIONS.get(self.language, {}).get(word)):
            means_in = word == "using" and self.kind == "howto" and following in PROGRAMMING_LANGUAGES
            self.phrases.append(("in" if means_in else relation, []))
            return
        if number := NUMBER_WORDS.get(self.language, {}).get(word):
            self._fact(number)
            return
        stem = SYNONYMS.get(self.language, {}).get(word) or (
            word if self._is_whole(token) else _stem(word, self.language)
        )
        stem = SYNONYMS.get(self.language, {}).get(stem, stem)
        if (len(token) == 1 and word in TECHNOLOGIES) or (self._before[-1:].isdigit() and len(token) <= 3):
            stem = token  # R and r, MB and Mb
        if named or word in TECHNOLOGIES or stem in CALENDAR.get(self.language, ()):
            self.facts.append(stem)
        self.phrases[-1][1].append(stem)


def _is_sign(text: str, mark: re.Match[str]) -> bool:
    """Whether punctuation is what is talked about: ``what does ?. do``, ``$?``, ``100!``."""
    before = text[mark.start() - 1] if mark.start() else " "
    if before.isdigit():
        return mark.group().startswith("!")
    return not (before.isalnum() or before in "\"'”’)]}`*%°+#")


def _number(token: str) -> str:
    """A number without thousands separators: ``1,000`` and ``1000`` are equal, ``1.000`` is left alone."""
    if found := _THOUSANDS.match(token):
        return found[1] + found[2].replace(",", "") + token[found.end() :]
    return token


def _stem(word: str, language: str) -> str:
    """A word without its plural or its commonest endings; never so short that two words meet by chance."""
    if language == ENGLISH:
        return _english_stem(word)
    if language == GERMAN and len(word) > 5:
        for ending in ("en", "es", "em", "e", "n"):
            if word.endswith(ending):
                return word[: -len(ending)]
    return word


def _english_stem(word: str) -> str:
    if word.endswith("'s"):
        word = word[:-2]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "ches", "shes", "xes")):
        return word[:-2]
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
