"""Which answers hold something of somebody's own."""

from __future__ import annotations

import time

import pytest

from gateway_core.cache.secrecy import has_contact, has_secret

KEY = "0123456789abcdefghijABCDEFGHIJ456789"


@pytest.mark.parametrize(
    "text",
    [
        "Use sk-proj-" + KEY + " from now on.",
        "export ANTHROPIC_API_KEY=sk-ant-api03-" + KEY,
        "token ghp_" + KEY,
        "AKIAIOSFODNN7EXAMPLE is its id",
        "AIza" + KEY[:35],
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLWhlcmU",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn",
        "-----BEGIN PRIVATE KEY-----\nMIIE",
        "postgres://app:hunter22@db.internal/app",
        "Your password is tr0ub4dor&3",
        "Das Passwort lautet: Sommer2026!",
        "The card 4111 1111 1111 1111 is on file.",
        "5500-0055-5555-5559",
        "Send it to DE89 3704 0044 0532 0130 00.",
        "GB82WEST12345698765432",
    ],
)
def test_a_secret_is_seen(text: str) -> None:
    assert has_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "The password is hashed with bcrypt before it is stored.",
        "password = os.environ['DB_PASSWORD']",
        "password: str = Field(min_length=8)",
        "An API key is a string that begins with sk-.",
        "A card number has 16 digits, such as 4111 1111 1111 1112.",
        "The timestamp 1795435200123 is in milliseconds.",
        "4444444444444444",
        "pip install scikit-learn-intelex-with-a-long-name",
        "sk-fading-circle-container-inner",
        "The IBAN DE88 3704 0044 0532 0130 00 fails its checksum.",
        "3.14159265358979323846",
        "see https://example.org/path:with@sign",
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert not has_secret(text)


@pytest.mark.parametrize(
    "text",
    ["Write to ada@lovelace-archive.org.", "Call +49 30 1234567.", "(555) 123-4567", "555-123-4567", "030 / 1234567"],
)
def test_a_way_to_reach_somebody_is_seen(text: str) -> None:
    assert has_contact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Mail to user@example.com.",
        "@decorator",
        "a@b",
        "Accra.",
        "2026-11-28 10:04",
        "192.168.178.20",
        "x = 1234567890",
    ],
)
def test_what_reaches_nobody_is_none(text: str) -> None:
    assert not has_contact(text)


@pytest.mark.parametrize("part", ["a.", "1 ", "sk-", "+1 ", "ab://", "password ", "AB12 "])
def test_a_large_answer_takes_a_moment(part: str) -> None:
    text = part * (60_000 // len(part))
    began = time.process_time()
    has_secret(text), has_contact(text)
    assert time.process_time() - began < 0.5
