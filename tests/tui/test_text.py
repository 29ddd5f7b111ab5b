"""Foreign text is made harmless, numbers short."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gateway_core.model import Counted
from llmgw_tui import text
from tests.fakes.snapshots import EVIL

BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
TROUBLE = st.text(
    alphabet=st.one_of(
        st.characters(), st.characters(max_codepoint=0x9F), st.sampled_from("\x1b\x9b\u200d\u202e\ufe0f\u0301🇩👍]")
    )
)


def is_harmless(drawn: str) -> bool:
    return all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for c in drawn)


@given(TROUBLE)
def test_nothing_a_terminal_acts_on_survives(foreign: str) -> None:
    assert is_harmless(text.clean(foreign))
    assert not BIDI & set(text.clean(foreign))


@given(TROUBLE)
def test_cleaning_twice_changes_nothing_more(foreign: str) -> None:
    assert text.clean(text.clean(foreign)) == text.clean(foreign)


@given(TROUBLE)
def test_one_line_is_one_line(foreign: str) -> None:
    assert "\n" not in text.one_line(foreign) and "\t" not in text.one_line(foreign)
    assert is_harmless(text.one_line(foreign))


@given(TROUBLE, st.integers(min_value=0, max_value=40))
def test_a_cell_is_exactly_as_wide_as_it_should_be(foreign: str, width: int) -> None:
    assert cell_len(text.fit(text.preview(foreign), width)) == width


@pytest.mark.parametrize(
    "kept", ["Größe äöüß", "日本語", "naïve café", "👍 ok", "Ελληνικά", "שלום", "हिन्दी", "a\tb\nc"]
)
def test_ordinary_text_stays(kept: str) -> None:
    assert text.clean(kept) == kept


@pytest.mark.parametrize(
    ("foreign", "drawn"),
    [
        ("\x1b[2J", "\u241b[2J"),
        ("\x7f", "\u2421"),
        ("\x9b31m", "\ufffd31m"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("👩\u200d💻\ufe0f", "👩💻"),
        ("🇩🇪", "DE"),
        ("u\u0308", "ü"),
        ("Z\u0335\u0321\u0322\u0327\u0328", "Z\u0335\u0321"),
        ("\udcff", "\ufffd"),
        ("\U000e0041", ""),
    ],
)
def test_what_becomes_of_what(foreign: str, drawn: str) -> None:
    assert text.clean(foreign) == drawn


def test_markup_is_only_text() -> None:
    assert text.clean("[/x][bold]") == "[/x][bold]"
    assert is_harmless(text.clean(EVIL))


@pytest.mark.parametrize(
    ("microusd", "shown"),
    [
        (0, "$0.00"),
        (3, "$0.000003"),
        (412, "$0.0004"),
        (48_300, "$0.048"),
        (999_600, "$1.00"),
        (3_420_000, "$3.42"),
        (1_234_000_000, "$1,234"),
    ],
)
def test_money(microusd: int, shown: str) -> None:
    assert text.dollars(microusd) == shown


def test_numbers() -> None:
    assert [text.count(n) for n in (0, 999, 1_000, 18_420, 131_072, 1_240_000)] == [
        "0",
        "999",
        "1.0k",
        "18.4k",
        "131k",
        "1.2M",
    ]
    assert [text.milliseconds(n) for n in (4, 999.4, 1_240, 21_400, 125_000)] == [
        "4ms",
        "999ms",
        "1.24s",
        "21.4s",
        "2m05s",
    ]
    assert [text.duration(n) for n in (-1, 42, 247, 33_120, 273_600)] == ["0:00", "0:42", "4:07", "9h 12m", "3d 4h"]
    assert [text.limit(n) for n in (0, 5_000_000, 500_000, 10_000)] == ["off", "$5", "$0.50", "$0.01"]
    assert text.size(5_225_000_000) == "5.2 GB" and text.context(32_768) == "32k"
    assert text.clock_time(1e30) == "--:--:--"


@pytest.mark.parametrize(
    ("number", "how", "unicode", "ascii_only", "in_full"),
    [
        (18_420, Counted.MEASURED, "18.4k", "18.4k", "18,420"),
        (18_420, Counted.ESTIMATED, "~18k", "~18k", "about 18,420"),
        (18_420, Counted.CEILING, "≤19k", "<19k", "at most 18,420"),
        (950, Counted.CEILING, "≤950", "<951", "at most 950"),
        (2_000, Counted.CEILING, "≤2k", "<3k", "at most 2,000"),
        (999_400, Counted.CEILING, "≤1M", "<1M", "at most 999,400"),
        (999_400, Counted.ESTIMATED, "~1M", "~1M", "about 999,400"),
        (0, Counted.CEILING, "0", "0", "0"),
    ],
)
def test_tokens_say_how_they_are_known(number: int, how: Counted, unicode: str, ascii_only: str, in_full: str) -> None:
    assert text.tokens(number, how) == unicode
    assert text.tokens(number, how, "<") == ascii_only
    assert text.in_full(number, how) == in_full


@given(st.integers(1, 10**10), st.sampled_from(list(Counted)), st.sampled_from("≤<"))
def test_tokens_fit_into_their_column(number: int, how: Counted, at_most: str) -> None:
    assert cell_len(text.tokens(number, how, at_most)) <= 5
