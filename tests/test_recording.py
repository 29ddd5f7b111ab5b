"""What looks like a secret is taken out of JSON text, whatever signs stand around it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.cache.secrecy import masked
from gateway_core.recording import LooksLikeSecrets

LOOKS = LooksLikeSecrets()
SECRETS = (
    "sk-proj-abcdefghij0123456789",
    "npm_" + "a1" * 18,
    "password: hunter2hunter",
    "api key\n:\tabc12345",
    "postgres://ada:secret12@host",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
)
AROUND = ("", "\n", "\\", "\\\\", '"', "\t", "/", "\b", "\x00", "\x1b", "é", "ﬁ", "İ", " n", "x", "\\n", "\\u0041")

texts = st.lists(st.sampled_from(AROUND + SECRETS + ("pass", "word", "://", "@"))).map("".join)
trees: st.SearchStrategy[Any] = st.recursive(
    texts | st.integers(0, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def _each(value: Any) -> Any:
    """What each text alone would become."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {masked(name): _each(part) for name, part in value.items()}
    return [_each(part) for part in value] if isinstance(value, list) else value


@given(trees)
def test_what_each_text_would_lose_alone_is_lost_in_the_whole(value: Any) -> None:
    text = orjson.dumps(value)
    made = LOOKS.without(text)
    assert orjson.loads(made) == _each(value)
    assert (made is text) == (_each(value) == value)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", AROUND)
def test_a_secret_is_found_behind_every_sign(secret: str, around: str) -> None:
    value = {"a": ["b", f"{around}{secret}{around}"]}
    made = orjson.loads(LOOKS.without(orjson.dumps(value)))
    assert made == _each(value)


def test_text_without_any_is_the_same_object_however_it_is_written() -> None:
    text = b'{"a": "C:\\\\new \\"pass\\" word\\/\\n", "b": ["\\u00e9"]}'
    assert LOOKS.without(text) is text
