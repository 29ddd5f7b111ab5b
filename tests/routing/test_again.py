"""What counts as asking again, in English and German."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.routing.again import ALIKE_FROM, alikeness, is_complaint, nearness

SAME = [
    ("Write a function that parses dates", "Please write me a function which parses dates"),
    ("Warum schlägt mein Test fehl?", "warum schlägt mein Test fehl???"),
    ("Erkläre mir den Unterschied zwischen TCP und UDP", "Erkläre bitte nochmal den Unterschied zwischen TCP und UDP"),
    ("Why does my test fail?", "Why does my test still fail?"),
    ("Wie spät ist es in Tokio?", "Wie spät ist es jetzt in Tokio?"),
]
OTHER = [
    ("What is the capital of Australia?", "What is the capital of Austria?"),
    ("And of France?", "And of Spain?"),
    ("Und von Frankreich?", "Und von Spanien?"),
    ("Add 2 and 3 to the list of numbers in the file", "Add 2 and 4 to the list of numbers in the file"),
    ("Translate dog from German to English", "Translate dog from English to German"),
    ("Does it work with postgres behind a proxy server", "Does it not work with postgres behind a proxy server"),
    ("yes", "yes"),
    ("Continue", "continue"),
    ("Weiter", "weiter!"),
    ("Danke!", "Danke!"),
    ("", ""),
    ("Hello!", "Prove it."),
]
LONG = "Summarise the report of the northern branch about sales of machines in spring and about the staff it needs, "


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_in_nearly_the_same_words_is_alike(one: str, other: str) -> None:
    assert alikeness(one, other) >= ALIKE_FROM


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_asks_for_something_else_or_for_nothing_is_not(one: str, other: str) -> None:
    assert alikeness(one, other) < ALIKE_FROM


def test_one_exchanged_word_is_enough_however_long_the_text_is() -> None:
    assert alikeness(LONG * 6 + "for lawyers", LONG * 6 + "for children") < ALIKE_FROM
    assert alikeness(LONG * 6 + "for lawyers", LONG * 6 + "for lawyers, please") >= ALIKE_FROM


@pytest.mark.parametrize(
    "text",
    [
        *("retry", "Retry!", "again", "Try again.", "please try again with a shorter one", "once more", "regenerate"),
        *("that's wrong", "No, that is not what I asked for.", "This still does not work", "wrong", "Wrong answer!"),
        *("nochmal", "Noch mal bitte", "bitte noch einmal", "Versuch es nochmal", "das ist falsch", "Falsch."),
        *("Das ist leider immer noch falsch.", "Nein, das stimmt so nicht", "stimmt nicht", "das klappt nicht"),
    ],
)
def test_complaints_ask_again(text: str) -> None:
    assert is_complaint(text)


@pytest.mark.parametrize(
    "text",
    [
        *("thanks", "Thanks, that's great", "ok", "yes", "continue", "Danke", "passt", "weiter", ""),
        *("What is wrong with my code?", "List the workspace and read the notes again.", "Was ist daran falsch?"),
        *("Wrong answer handling in quizzes: how do I do it?", "Again and again I forget my keys. What helps?"),
        "That is not right of them, I think, and here is the whole story: " + "it began in May. " * 10,
    ],
)
def test_thanks_and_new_questions_do_not(text: str) -> None:
    assert not is_complaint(text)


def test_the_meaning_counts_where_it_is_known() -> None:
    one, other = "How do I boil an egg?", "What's the way to cook eggs in water?"
    assert nearness(one, other) < ALIKE_FROM
    assert nearness(one, other, ((1.0, 0.1), (0.9, 0.1))) > 0.99
    assert nearness(one, other, ((1.0, 0.1), None)) == nearness(one, other)
    assert nearness(one, other, ((1.0, 0.0), (0.0, 0.0))) < ALIKE_FROM
    assert nearness(one, other, ((1.0,), (1.0, 0.0))) == nearness(one, other)


def test_other_facts_are_something_else_however_near_the_meaning_is() -> None:
    assert nearness("Add 2 and 3", "Add 2 and 4", ((1.0, 0.0), (1.0, 0.0))) < ALIKE_FROM


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_two_texts_can_be_compared(one: str, other: str) -> None:
    assert 0.0 <= alikeness(one, other) <= 1.0
    assert alikeness(one, other) == pytest.approx(alikeness(other, one))
    is_complaint(one)
