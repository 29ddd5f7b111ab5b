"""What of an answer is somebody's own: secrets, which no cache keeps, and ways to reach a person.

Only what has the shape of the real thing counts, checksums included, so that a lesson on card numbers or a line of code
is still an answer for everybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway_core.traces import MASKED

_KEYS = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    r"|\b(?:sk|rk|pk)[-_](?=[\w-]{0,40}\d)[\w-]{20,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{30,}|\bglpat-[\w-]{20,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{35}|\bgsk_[A-Za-z0-9]{30,}|\bhf_[A-Za-z0-9]{30,}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bnpm_[A-Za-z0-9]{36}|\bpypi-[\w-]{40,}"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"
    r"|\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:[^\s:/@]{3,128}@[\w.-]+"
)
"""Keys and tokens by the marks their makers give them (each maker's documentation, 2026-11), JSON web tokens, PEM
private keys, and URLs with a password."""
_NAMED = re.compile(
    r"\b(?:pass(?:word|wort|phrase)|kennwort|api[ _-]?key|secret(?:[ _-]?key)?|access[ _-]?token|bearer)"
    r"(?: is| ist| lautet)?\s{0,3}[:= ]\s{0,3}[\"'`]?(?=[^\s\"'`]{0,63}\d)(?=[^\s\"'`]{0,63}[A-Za-z])"
    r"[^\s\"'`,;(){}<>\[\]]{8,64}",
    re.IGNORECASE,
)
"""A password that is called one and looks like one: letters and digits, no code."""
_CARD = re.compile(r"\d(?<![\d.,-]\d)(?:[ -]?\d){12,18}(?![\d.,]?\d)")
_IBAN = re.compile(r"[A-Z](?<!\w[A-Z])[A-Z]\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
"""What must not stand in front is looked at behind the first character: what begins with a kind of character is found
four times as fast."""
_MAIL = re.compile(r"\b[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
_EXAMPLE = re.compile(
    r"@(?:[a-z0-9-]+\.)*(?:example(?:\.(?:com|org|net))?|test|invalid|localhost|domain\.com|email\.com)$"
)
_PHONE = re.compile(
    r"(?<![\w.+-])(?:\+\d{1,3}[ ./-]?(?:\(0?\d{1,5}\)[ ./-]?)?\d{2,5}(?:[ ./-]?\d{2,6}){1,4}"
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}|0\d{2,5}[ /-]{1,3}\d{3,8}(?:[ -]\d{2,6}){0,2})(?![\w-])"
)

_KEY_MARKS = {
    "_": ("sk_", "rk_", "pk_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "gsk_", "hf_", "npm_"),
    "-": ("-----BEGIN ", "sk-", "rk-", "pk-", "glpat-", "pypi-"),
    "": ("AKIA", "ASIA", "AIza", "xox", "eyJ"),
}
_NAMES = ("pass", "kennwort", "api", "secret", "access", "bearer")
"""How what :data:`_KEYS` and :data:`_NAMED` find begins, the marks by a sign they have in common: looking for these
first takes 1 ms of 65 kB instead of 29."""
_SHORTEST = 15
"""Characters of the shortest secret that these find."""
PATTERNS = f"{_KEYS.pattern} {_NAMED.pattern}"
"""What :func:`masked` looks for."""
_PEM_END = re.compile(r"-----END [A-Z0-9 ]*-----")
_URL_PASSWORD = re.compile(r"://[^\s:/@]{1,64}:[^\s:/@]{3,128}@")


def has_secret(text: str) -> bool:
    """Whether ``text`` holds a key, a token, a password, or the number of a card or an account."""
    if _secrets(text) or ("://" in text and _URL_PASSWORD.search(text) and _KEYS.search(text)):
        return True
    for found in _CARD.finditer(text):
        if _is_card(found.group()):
            return True
    return any(_is_iban(found.group()) for found in _IBAN.finditer(text))


def without_secrets(text: str, hidden: str) -> str:
    """``text`` with ``hidden`` in the place of all that :func:`has_secret` finds."""
    text = _CARD.sub(lambda found: hidden if _is_card(found.group()) else found.group(), masked(text, hidden))
    return _IBAN.sub(lambda found: hidden if _is_iban(found.group()) else found.group(), text)


def masked(text: str, hidden: str = MASKED) -> str:
    """``text`` with each key, token and password exchanged for ``hidden``; the same object where there is none."""
    spans = sorted(_secrets(text)) if len(text) >= _SHORTEST else []
    if spans:
        parts, at = [], 0
        for start, end in spans:
            if end > at:
                parts += [text[at:start], hidden] if start >= at else []
                at = end
        text = "".join([*parts, text[at:]])
    return _URL_PASSWORD.sub(f"://{hidden}@", text) if "://" in text else text


def _secrets(text: str) -> list[tuple[int, int]]:
    """Where each key, token and password begins and ends, in any order."""
    spans: list[tuple[int, int]] = []
    for sign, marks in _KEY_MARKS.items():
        if sign in text:
            for mark in marks:
                if mark in text:
                    spans += _keys(text, mark)
    lower = text.lower()
    if len(lower) != len(text):  # a letter whose small form is two
        return [*spans, *(found.span() for found in _NAMED.finditer(text))]
    for name in _NAMES:
        if name in lower:
            spans += [found.span() for at in _places(lower, name) if (found := _NAMED.match(text, at))]
    return spans


def _keys(text: str, mark: str) -> Iterator[tuple[int, int]]:
    for at in _places(text, mark):
        if found := _KEYS.match(text, at):
            closing = _PEM_END.search(text, found.end()) if mark.startswith("-----") else found
            yield at, closing.end() if closing else len(text)


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def has_contact(text: str) -> bool:
    """Whether ``text`` holds an e-mail address or a telephone number; addresses reserved for examples do not count."""
    mails = (found.group().lower() for found in _MAIL.finditer(text))
    return any(not _EXAMPLE.search(mail) for mail in mails) or _PHONE.search(text) is not None


def _is_card(text: str) -> bool:
    """Luhn's checksum (ISO/IEC 7812-1), with a first digit that cards have."""
    digits = [int(character) for character in text if character.isdigit()]
    if digits[0] not in (2, 3, 4, 5, 6) or len(set(digits)) == 1:
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    """The checksum of ISO 13616: the country's letters moved behind, taken as a number, leave 1 by 97."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1
