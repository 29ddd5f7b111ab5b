"""The policy gate: refuses a request whose user text asks for harm, and lets pass what only mentions it.

It is a seat belt for an agent that is told the wrong thing, not a wall: whoever wants past it can write differently.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING
from unicodedata import normalize

from gateway_core.frozen import frozen
from gateway_core.gates.policy_match import Matcher, compile_each, cues_in, forbidden_ask, uncompiled
from gateway_core.gates.policy_rules import Category
from gateway_core.model import Refusal
from gateway_core.settings import PolicyPattern, SettingsError
from gateway_core.wire import errors

if TYPE_CHECKING:
    import regex  # type: ignore[import-untyped]

EXAMINED_CHARS = 32_768
"""Of a longer text the first and the last half of this are examined: an ask stands before or after what is pasted."""
PATTERN_TIMEOUT_S = 0.05
"""How long one custom pattern may search one text. The ``regex`` package can be stopped, ``re`` cannot."""
EXCERPT_CHARS = 120
WARM_UP_AFTER_S = 5.0
WARM_UP_REST_S = 0.5
"""After each rule that is compiled: all at once took every second turn of the event loop for over a second."""

_log = logging.getLogger(__name__)


@frozen
class Verdict:
    """Why a text is refused: the rule, and the words it matched, on one line and without control characters."""

    category: Category
    rule: str
    excerpt: str


class PolicyGate:
    """Checks the user's own words of a request against the built-in rules and the operator's patterns.

    A pattern is a regular expression without regard to case. Raises :class:`SettingsError` for one that is none, or
    that matches every text. A pattern that takes too long on a text counts as not matching it; the log says so once.
    """

    def __init__(self, patterns: Sequence[PolicyPattern], enabled: bool) -> None:
        self._enabled = enabled
        self._patterns = [(custom.name, _compiled(custom)) for custom in patterns]
        self._slow: set[str] = set()

    async def warm_up(self) -> None:
        """Compiles all of it bit by bit, once the first requests, most of which need none of it, have had their
        time."""
        await asyncio.sleep(WARM_UP_AFTER_S)
        for matcher in uncompiled() if self._enabled else ():
            await _compile([matcher])
            await asyncio.sleep(WARM_UP_REST_S)

    async def verdict(self, request_text: str) -> Verdict | None:
        """As :meth:`check`, but what must be compiled for the text is compiled in a thread: it would hold up all other
        requests for as long as a second."""
        if not self._enabled:
            return None
        text = _examined(request_text)
        cues = cues_in(text)
        if cues and (waiting := uncompiled(cues)):
            await _compile(waiting)
        return self._verdict(text, cues)

    def check(self, request_text: str) -> Verdict | None:
        """The verdict on a user's text, peeled of its client's envelope; None when it may pass."""
        if not self._enabled:
            return None
        text = _examined(request_text)
        return self._verdict(text, cues_in(text))

    def refusal(self, verdict: Verdict) -> Refusal:
        """The 403 for ``verdict``; the message names the rule, what it saw, and how to go on."""
        way = "change policy_patterns" if verdict.category is Category.CUSTOM else "set 'policy: off'"
        return errors.policy_violation(
            f"rule {verdict.rule} ({verdict.category.value.replace('_', ' ')}) on “{verdict.excerpt}”. "
            f"If no harm is meant, rephrase it as a question or a quotation, or {way} in config.yaml"
        )

    def _verdict(self, text: str, cues: Sequence[str]) -> Verdict | None:
        if self._patterns and (custom := self._custom(text)):
            return custom
        if cues and (found := forbidden_ask(text, cues)):
            return Verdict(found.rule.category, found.rule.name, _excerpt(text, found.start, found.end))
        return None

    def _custom(self, text: str) -> Verdict | None:
        for name, custom in self._patterns:
            try:
                match = custom.search(text, timeout=PATTERN_TIMEOUT_S)
            except TimeoutError:
                if name not in self._slow:
                    self._slow.add(name)
                    _log.warning("The policy pattern %r is too slow for some texts; they pass it unexamined.", name)
                continue
            if match:
                return Verdict(Category.CUSTOM, name, _excerpt(text, match.start(), match.end()))
        return None


async def _compile(matchers: Sequence[Matcher]) -> None:
    given_up = Event()
    try:
        await asyncio.to_thread(compile_each, matchers, given_up)
    finally:
        given_up.set()  # or a process that is told to end would wait for the thread


def _compiled(custom: PolicyPattern) -> regex.Pattern[str]:
    import regex

    try:
        compiled = regex.compile(custom.pattern, regex.IGNORECASE)
    except regex.error as error:
        raise SettingsError(f"POLICY_PATTERNS: {custom.name!r} is not a regular expression: {error}.") from None
    if compiled.search("", timeout=PATTERN_TIMEOUT_S):
        raise SettingsError(f"POLICY_PATTERNS: {custom.name!r} matches every text; it would refuse every request.")
    return compiled


_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_WIDE_GAP = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")


def _examined(text: str) -> str:
    """What is looked at of ``text``, in one spelling: composed, full-width letters plain, nothing invisible."""
    if len(text) > EXAMINED_CHARS:
        text = f"{text[: EXAMINED_CHARS // 2]}\n{text[-EXAMINED_CHARS // 2 :]}"
    if not text.isascii():
        text = _INVISIBLE.sub("", normalize("NFKC", text))
    return _WIDE_GAP.sub(" ", text) if "  " in text or "\t" in text else text


def _excerpt(text: str, start: int, end: int) -> str:
    words = " ".join(text[start : min(end, start + EXCERPT_CHARS)].split())
    return "".join(letter for letter in words if letter.isprintable())
