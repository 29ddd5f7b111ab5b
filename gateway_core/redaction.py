"""Takes secrets out of what is shown and logged: those that are known word for word, and what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from gateway_core.cache.secrecy import without_secrets
from gateway_core.credentials import HIDDEN as HIDDEN
from gateway_core.credentials import SECRET_NAME, without_credentials
from gateway_core.known_secrets import SHORTEST, KnownSecrets
from gateway_core.settings import Settings

LONGEST_EXAMINED = 1_500
"""Looking for secrets takes time in proportion: 0.06 ms for a line, 0.7 ms for the worst text of this length."""
_PLAIN_WORD = re.compile(r"(?i)[a-z]+(?:[-_ ][a-z]+)*")
_TAIL_FROM = 24
_LONGEST_ARGUMENTS = 200
_BEARER = re.compile(
    r"[bBxXsSſgGrRpP](?<!\w.)"
    r"(?i:(?:(?<=b)earer|(?<=x)-api-key:?)\s+[^\s\"']{4,}|(?:(?<=[srp])k|(?<=g)sk|(?<=x)ai)[-_][\w*.-]{6,})"
)
"""``Bearer …``, ``x-api-key: …`` and keys such as ``sk-…`` and ``xai-…``, in letters of any size. What must not stand
in front is looked at behind the first letter: so it is found three times as fast."""
_PRIVATE_KEY = re.compile(r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END[^-]{0,60}-----|\Z)")


class Redactor:
    """Cleans texts. ``known`` are secrets in use, looked for word for word.

    ``recorded`` are those of them that are no common word: they are taken out of what is recorded of requests too.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known: tuple[str, ...] = ()
        self.recorded = KnownSecrets()
        self.hide(known)

    def hide_those_of(self, settings: Settings) -> Redactor:
        """Has the secrets of the settings hidden, everywhere."""
        self.hide(secrets_of(settings))
        self.recorded.hide(_recorded_secrets_of(settings))
        return self

    def hide_everywhere(self, secret: str) -> None:
        self.hide((secret,))
        self.recorded.hide((secret,))

    def hide(self, secrets: Iterable[str]) -> None:
        """Has these hidden too, from now on; those of before stay hidden."""
        longest_first = {*self._known, *(secret for secret in secrets if len(secret) >= SHORTEST)}
        self._known = tuple(sorted(longest_first, key=len, reverse=True))

    def clean(self, text: str) -> str:
        """``text``, cut to what is examined, without a secret; cut at a blank, for half a key is not known as one."""
        if len(text) > LONGEST_EXAMINED:
            text = f"{text[:LONGEST_EXAMINED].rpartition(' ')[0]} …"
        text = _PRIVATE_KEY.sub(HIDDEN, text)
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return without_secrets(without_credentials(_BEARER.sub(HIDDEN, text)), HIDDEN)


def _recorded_secrets_of(settings: Settings) -> Iterator[str]:
    """The keys that what is recorded of requests must not hold: what is secret by its name.

    A local server's key is mostly a word that stands in for one (LOCAL_LLM_API_KEY=ollama): taken out, it would take
    that word out of every text.
    """
    for name in Settings.model_fields:
        if isinstance(value := getattr(settings, name), SecretStr) and name != "local_llm_api_key":
            yield value.get_secret_value()
    yield from _passwords_of(settings)
    own = [settings.local_llm_api_key, *(entry.api_key for entry in settings.providers)]
    yield from (key for value in own if value and not _PLAIN_WORD.fullmatch(key := value.get_secret_value()))
    for entry in settings.providers:
        for name, text in (*entry.headers.items(), *entry.query.items()):
            if SECRET_NAME.search(name) and not _PLAIN_WORD.fullmatch(text):
                yield text.rpartition(" ")[2]


def secrets_of(settings: Settings) -> Iterator[str]:
    """Every secret that the settings hold, and what the user's own providers are sent as headers."""
    for name in Settings.model_fields:
        if isinstance(value := getattr(settings, name), SecretStr):
            yield value.get_secret_value()
    yield from _passwords_of(settings)
    for entry in settings.providers:
        yield from entry.headers.values()
        yield from entry.query.values()
        if entry.api_key:
            yield entry.api_key.get_secret_value()


def _passwords_of(settings: Settings) -> Iterator[str]:
    """The passwords in the addresses of upstreams, as they are written there and as they are meant."""
    named = (settings.local_llm_url, settings.ollama_host, settings.anthropic_base_url, settings.groq_base_url)
    for url in (*named, settings.openai_base_url, *(entry.base_url for entry in settings.providers)):
        try:
            password = urlsplit(url if url and "://" in url else f"//{url or ''}").password
        except ValueError:
            continue
        if password:
            yield password
            yield unquote(password)


def told_arguments(arguments: Mapping[str, object]) -> str:
    """A command's arguments as ``name=value``, short and without a secret; who ran it is told apart."""
    parts = (f"{name}={_short(value)}" for name, value in arguments.items() if name != "by")
    return Redactor().clean(" ".join(parts))[:_LONGEST_ARGUMENTS]


def _short(value: object) -> object:
    """Of many things only how many there are."""
    return f"({len(value)})" if isinstance(value, list) else value


def masked(secret: str) -> str:
    """That a secret is set, and of a long one its last four characters, so that a person can tell it from another."""
    return f"set, ends in …{secret[-4:]}" if len(secret) >= _TAIL_FROM else "set"
