"""Which answers hold something of somebody's own."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.cache import secrecy
from gateway_core.cache.secrecy import has_contact, has_secret, masked

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


PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nabc=\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("use sk-proj-abc123abc123abc123abc123 now", "use [masked] now"),
        (f"mine: {PEM} yours", "mine: [masked] yours"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ", "[masked]"),
        ("postgres://me:hunter2@db/x and http://a.b/c", "postgres://[masked]@db/x and http://a.b/c"),
        ("password: hunter2hunter2, then", "[masked], then"),
        ("İ password: hunter2hunter2", "İ [masked]"),
        ("two: ghp_0123456789abcdefghijklmnopqrstuv AKIAIOSFODNN7EXAMPLE", "two: [masked] [masked]"),
    ],
)
def test_secrets_are_masked_and_nothing_else(text: str, without: str) -> None:
    assert masked(text) == without


@pytest.mark.parametrize("text", ["", "risk-free task-force", "the api key is kept elsewhere", "https://x.y/z" * 50])
def test_what_holds_no_secret_is_left_alone(text: str) -> None:
    assert masked(text) is text


@given(st.text(), st.text())
def test_a_key_is_masked_whatever_stands_around_it(before: str, after: str) -> None:
    assert KEY not in masked(f"{before} ghp_{KEY} {after}")


def test_a_mark_is_passed_over_only_where_a_sign_of_it_is_missing() -> None:
    assert all(sign in mark for sign, marks in secrecy._KEY_MARKS.items() for mark in marks)


@pytest.mark.parametrize("before", ["", " ", "x ", "no. ", "("])
def test_a_number_counts_wherever_it_begins_and_never_inside_another(before: str) -> None:
    assert has_secret(f"{before}4111 1111 1111 1111") and has_secret(f"{before}DE89 3704 0044 0532 0130 00")
    assert not has_secret(f"{before}3.4111111111111111") and not has_secret(f"{before}xDE89370400440532013000")
