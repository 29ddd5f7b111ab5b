"""Whether a head is better: on labels it never saw, and past what chance explains."""

from __future__ import annotations

import random

import pytest

from gateway_core.learning.measuring import figures, is_worse, learn, tier_at
from gateway_core.learning.picking import is_held_out, is_sample
from gateway_core.routing.head import Head, Lesson

PLAIN = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."


def lessons(many: int, wanted: float) -> list[Lesson]:
    return [Lesson(f"{PLAIN} {number}", None, wanted) for number in range(many)]


def test_a_head_that_comes_nearer_is_taken_up_and_says_so() -> None:
    found = learn(lessons(100, 1.0), lessons(12, 1.0), None)
    assert found.taken and found.verdict == "better than before"
    assert found.trial.new.error < found.trial.before.error == found.trial.rules.error
    assert found.trial.new.labels == 12 and found.trial.new.right == 12 and found.trial.rules.right == 0
    assert found.trial.new.low > 0.7 and found.trial.new.high == 1.0


def test_a_head_that_is_worse_is_not_taken_up() -> None:
    found = learn(lessons(100, 1.0), lessons(12, 0.0), None)
    assert not found.taken and "worse than what was in force" in found.verdict


def test_one_that_is_better_than_a_bad_one_but_worse_than_the_rules_is_not_either() -> None:
    found = learn(lessons(30, 1.0), lessons(12, 0.42), Head(50, 0.5, ""))
    assert not found.taken and "worse than the rules" in found.verdict


def test_a_difference_that_chance_explains_keeps_nobody_back() -> None:
    mixed = [*lessons(7, 0.0), *lessons(7, 1.0)]
    found = learn(lessons(3, 1.0), mixed, None)
    assert found.taken and "as far as chance tells" in found.verdict


def test_with_few_held_out_labels_it_says_that_it_cannot_tell() -> None:
    found = learn(lessons(100, 1.0), lessons(9, 0.0), None)
    assert found.taken and found.verdict == "too few to tell: 9 of 10 held-out labels" and found.trial.tells_little
    assert learn(lessons(1, 1.0), [], None).trial.new.labels == 0


def test_a_label_between_two_tiers_calls_both_right() -> None:
    between = lessons(3, 0.25)
    assert figures([0.1, 0.5, 0.9], between).right == 2
    assert [tier_at(score) for score in (0.0, 0.34, 0.35, 0.64, 0.65)] == [
        "local",
        "local",
        "cheap",
        "cheap",
        "premium",
    ]


def test_the_same_errors_are_not_worse_and_all_a_little_larger_are() -> None:
    errors = [random.Random(4).random() for _ in range(20)]
    assert not is_worse(errors, errors)
    assert is_worse([error + 0.01 for error in errors], errors) and not is_worse(errors, [e + 0.01 for e in errors])


@pytest.mark.parametrize(("picked", "share"), [(is_held_out, 0.2), (is_sample, 0.02)])
def test_the_picked_are_the_same_for_ever_and_as_many_as_they_should_be(picked: object, share: float) -> None:
    assert callable(picked)
    ids = [f"req_{number:08x}" for number in range(20_000)]
    found = [one for one in ids if picked(one)]
    assert found == [one for one in ids if picked(one)]
    assert abs(len(found) / len(ids) - share) < 0.01
    assert is_sample("req_1", 1.0) and not is_sample("req_1", 0.0)
