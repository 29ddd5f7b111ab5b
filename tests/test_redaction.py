"""What no log, no screen and no settings report tells: keys, passwords, URLs with either."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway_core.credentials import without_credentials
from gateway_core.redaction import HIDDEN, Redactor, masked, secrets_of, told_arguments
from gateway_core.settings import ProviderEntry, Settings

KNOWN = "correct-horse-battery"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-api03-abcdefghijk1234567890",
        "gsk_0123456789abcdef0123456789abcdef",
        "Bearer abcdefgh",
        "BEARER\tabcd",
        "x-api-key: whatever-it-is",
        "X-Api-Key whatever",
        "rk_live_0123",
        "PK-abcdef",
        "xai-abcdef",
        "ſK-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijkl",
        "password: hunter22hunter",
        "4111 1111 1111 1111",
        "DE89 3704 0044 0532 0130 00",
        KNOWN,
    ],
)
def test_a_secret_is_left_out_and_the_words_around_it_stay(secret: str) -> None:
    said = Redactor([KNOWN]).clean(f"groq answered 401 to {secret} today")
    assert secret not in said and HIDDEN in said
    assert said.startswith("groq answered 401 to ") and said.endswith(" today")


@pytest.mark.parametrize(
    "text",
    [
        "groq/openai/gpt-oss-120b is left alone for 10 s, 5 failures",
        "DAILY_BUDGET_HARD 50.0 -> 20.0",
        "qwen3:8b",
        "task-management, risk_assessment, a forbearer abcdef, sk-short",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor([KNOWN]).clean(text) == text


def test_a_private_key_is_left_out_whole_and_half_a_key_too() -> None:
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nq83vqYk\n-----END RSA PRIVATE KEY-----"
    assert Redactor().clean(f"read {pem} from disk") == f"read {HIDDEN} from disk"
    assert Redactor().clean(f"read {pem[:60]}") == f"read {HIDDEN}"
    for before in range(1_400, 1_500):
        cut = Redactor([KNOWN]).clean("x" * before + f" sk-ant-api03-abcdefghijk1234567890 {KNOWN} " + "y" * 500)
        assert "sk-ant" not in cut and KNOWN[:8] not in cut and len(cut) < 1_600


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_known_secret_never_gets_through(before: str, after: str) -> None:
    assert KNOWN not in Redactor([KNOWN, KNOWN[:9]]).clean(f"{before}{KNOWN}{after}")


def test_urls_lose_user_password_and_key() -> None:
    assert without_credentials("http://ada:pw@host:1/v1") == "http://host:1/v1"
    assert without_credentials("https://host/v1?api_key=abc&n=1") == f"https://host/v1?api_key={HIDDEN}&n=1"
    assert without_credentials("http://host:1/v1 and a@b") == "http://host:1/v1 and a@b"


def test_a_mask_shows_the_end_of_a_long_secret_only() -> None:
    assert masked("a" * 20 + "wxyz") == "set, ends in …wxyz"
    assert masked("short-secret-1234") == "set"


def test_all_secrets_of_the_settings_are_known() -> None:
    entry = ProviderEntry.model_validate(
        {"name": "own", "base_url": "http://h", "model": "m", "api_key": "entry-key", "headers": {"x-org": "in-header"}}
    )
    settings = Settings(groq_api_key=SecretStr("groq-key"), gateway_secret=SecretStr("our-key"), providers=(entry,))
    assert {"entry-key", "in-header", "groq-key", "our-key"} <= set(secrets_of(settings))


def test_a_commands_arguments_are_told_without_who_and_without_secrets() -> None:
    told = told_arguments({"by": "key", "tier": "premium", "note": "sk-ant-api03-abcdefghijk1234567890"})
    assert told == f"tier=premium note={HIDDEN}"
    assert len(told_arguments({"model": "m " * 10_000})) == 200
    assert told_arguments({"model": "m" * 10_000}) == " …"
