"""Secrets in use are taken out of whatever is recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import Reason
from gateway_core.redaction import Redactor
from gateway_core.settings import ProviderEntry, Settings

KEY = "llmgw-q8Zt_5abcDEF"
STRANGE = 'pä"ss/wo\\rd+1'


def known(*secrets: str) -> KnownSecrets:
    made = KnownSecrets()
    made.hide(secrets)
    return made


@pytest.mark.parametrize(
    "text", [KEY, f"it is {KEY}.", f"a{KEY}b", f"{KEY}{KEY}", json.dumps({"key": KEY}), f"http://h/?k={KEY}"]
)
def test_a_secret_is_masked_wherever_it_stands(text: str) -> None:
    assert KEY not in known(KEY).masked(text) and "[masked]" in known(KEY).masked(text)


@pytest.mark.parametrize("form", [STRANGE, json.dumps(STRANGE)[1:-1], quote(STRANGE), quote(STRANGE, safe="")])
def test_it_is_known_as_json_and_urls_write_it(form: str) -> None:
    assert known(STRANGE).masked(f"x{form}y") == "x[masked]y"


def test_a_secret_that_begins_like_another_is_masked_whole() -> None:
    assert known(KEY[:10], KEY).masked(KEY) == "[masked]"


@pytest.mark.parametrize("short", ["", "a", "key12"])
def test_what_is_too_short_for_a_secret_is_left(short: str) -> None:
    assert known(short).masked("a key12 for all") == "a key12 for all"


TREES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(KEY) | st.just(f"x{KEY}"),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=3) | st.just(KEY), part, max_size=4),
)


@given(TREES)
def test_no_tree_keeps_one_and_one_without_stays_the_same(tree: Any) -> None:
    clean = known(KEY).without(tree)
    assert KEY not in repr(clean)
    assert (clean is tree) == (KEY not in repr(tree))


@pytest.mark.parametrize("spoilt", [None, "\ud800", 2**70])
@pytest.mark.parametrize("form", [STRANGE, json.dumps(STRANGE)[1:-1], json.dumps({"a": STRANGE}), quote(STRANGE)])
def test_it_is_found_in_what_is_hard_to_write(form: str, spoilt: object) -> None:
    assert known(STRANGE).without({"arguments": form, "more": spoilt})["arguments"] != form


def test_values_are_made_anew_only_where_they_must() -> None:
    reasons = (Reason("a", "b"), Reason("c", f"d {KEY}"))
    clean = known(KEY).without(reasons)
    assert clean == (reasons[0], replace(reasons[1], text="d [masked]")) and clean[0] is reasons[0]


@pytest.mark.parametrize("before", range(0, 40))
def test_no_half_of_a_secret_is_left_at_a_cut(before: int) -> None:
    shown = known(KEY).beginning("x" * before + KEY + "y" * 50, 30)
    assert len(shown) <= 30 and "llmgw" not in shown


def test_which_of_the_settings_are_secrets_of_texts() -> None:
    entry = {"name": "own", "base_url": "http://h/v1", "model": "m"}
    settings = Settings(
        gateway_secret=SecretStr("plain-words"),
        groq_api_key=SecretStr("gsk-1234567890"),
        local_llm_api_key=SecretStr("ollama"),
        providers=(
            ProviderEntry.model_validate({**entry, "api_key": "own-key-99", "headers": {"X-Title": "my app 2"}}),
            ProviderEntry.model_validate(
                {**entry, "name": "two", "api_key": "not-needed", "headers": {"Authorization": "Bearer tok-42-42"}}
            ),
        ),
    )
    recorded = Redactor().hide_those_of(settings).recorded
    for secret in ("plain-words", "gsk-1234567890", "own-key-99", "tok-42-42"):
        assert recorded.masked(secret) == "[masked]"
    for word in ("ollama runs a model", "my app 2", "it is not-needed", "Bearer of news"):
        assert recorded.masked(word) == word


def test_a_secret_that_is_no_unicode_is_looked_for_too() -> None:
    assert known("abc\udcff-12345").masked("it is abc\udcff-12345") == "it is [masked]"
