"""What judged pairs teach the guards, and what they can never teach."""

from __future__ import annotations

import pytest

from gateway_core.cache.guards.lessons import ENOUGH, ENOUGH_OF_OPPOSITES
from gateway_core.cache.guards.select import LOWEST_COSINE, Guards, Kind, Verdict

CITIES = ["Ulm", "Bonn", "Kiel", "Jena", "Hof", "Trier", "Emden", "Halle", "Worms", "Celle", "Gera", "Aalen", "Lahr"]
GREY = Verdict(Kind.GREY, "words")
LEARNED = Verdict(Kind.SERVE, "learned")


def pair(city: str, one: str = "churches", other: str = "temples") -> tuple[str, str]:
    return f"Which {one} are in {city}?", f"Which {other} are in {city}?"


def taught(times: int, one: str = "churches", other: str = "temples", same: bool = True) -> Guards:
    guards = Guards()
    for city in CITIES[:times]:
        guards.learn(*pair(city, one, other), same)
    return guards


def test_a_difference_is_trusted_after_enough_approvals() -> None:
    question = pair("Goslar")
    assert taught(int(ENOUGH) - 1).verdict(*question, 0.9) == GREY
    assert taught(int(ENOUGH)).verdict(*question, 0.9) == LEARNED
    assert taught(int(ENOUGH)).verdict(question[1], question[0], 0.9) == LEARNED


def test_a_rejection_takes_the_trust_away() -> None:
    guards = taught(int(ENOUGH))
    guards.learn(*pair("Goslar"), same=False)
    assert guards.verdict(*pair("Fulda"), 0.9) == GREY


def test_what_was_only_ever_rejected_is_never_trusted() -> None:
    assert taught(len(CITIES), same=False).verdict(*pair("Goslar"), 0.9) == GREY


def test_an_approval_of_several_differences_speaks_less_for_each() -> None:
    guards = Guards()
    for city in CITIES[: int(ENOUGH)]:
        guards.learn(f"Which churches does the town of {city} own?", f"Which temples does {city} own?", True)
    assert guards.verdict(*pair("Goslar"), 0.9) == GREY


def test_two_things_learned_do_not_add_up() -> None:
    guards = taught(int(ENOUGH))
    for city in CITIES[: int(ENOUGH)]:
        guards.learn(f"Which old churches are in {city}?", f"Which ancient churches are in {city}?", True)
    assert guards.verdict("Which churches are in Hof?", "Which temples are in Hof?", 0.9) == LEARNED
    assert guards.verdict("Which big churches are in Hof?", "Which large temples are in Hof?", 0.9) == LEARNED
    assert (
        guards.verdict("Which red churches are in Hof?", "Which wide temples are in Hof?", 0.9).kind is not Kind.SERVE
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Which shops are open in {}?", "Which shops are not open in {}?"),
        ("Which shops are in {}?", "How many shops are in {}?"),
        ("Which shops are in {}?", "Which most shops are in {}?"),
        ("Which shops are in {}?", "Which cheapest shops are in {}?"),
        ("Which shops in {} sell 3 hats?", "Which shops in {} sell 4 hats?"),
        ("Which trains go from {} to Mainz?", "Which trains go from Mainz to {}?"),
        ("Why is {} old?", "How is {} old?"),
    ],
)
def test_what_turns_an_answer_round_is_never_learned(one: str, other: str) -> None:
    guards = Guards()
    for city in CITIES:
        guards.learn(one.format(city), other.format(city), True)
    assert guards.verdict(one.format("Goslar"), other.format("Goslar"), 0.99).kind is Kind.NO


def test_two_words_for_one_extreme_need_many_approvals() -> None:
    question = pair("Goslar", "cheapest", "lowest")
    assert taught(int(ENOUGH_OF_OPPOSITES) - 1, "cheapest", "lowest").verdict(*question, 0.9) == GREY
    assert taught(int(ENOUGH_OF_OPPOSITES), "cheapest", "lowest").verdict(*question, 0.9) == LEARNED


def test_below_the_lowest_cosine_nothing_is_served_or_judged() -> None:
    question = pair("Goslar")
    assert taught(int(ENOUGH)).verdict(*question, LOWEST_COSINE - 0.01) == Verdict(Kind.NO, "distance")
    assert Guards().verdict(question[0], question[0], LOWEST_COSINE - 0.01).kind is Kind.NO


def test_other_facts_are_no_matter_for_a_judge() -> None:
    assert Guards().verdict("Which churches are in Ulm?", "Which temples are in Bonn?", 0.95).kind is Kind.NO
