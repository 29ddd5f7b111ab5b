"""What is shipped, what labels teach, and how quality is measured."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from gateway_core.cache.encoder.model_folder import WEIGHTS_SHA256
from gateway_core.cache.encoder.shallow import shallow_fingerprint
from gateway_core.routing.difficulty import BASE, difficulty
from gateway_core.routing.fitting import fit
from gateway_core.routing.head import LABELS_FOR_ALL, Head, Lesson
from gateway_core.routing.measures import MEASURES, long_words_share, measured
from gateway_core.routing.shipped import MOST_DEVIATIONS, shipped
from tests.routing.training import DataSet, apgr, train

PROMPT = "Turn the notes from stand-up into three bullet points."
POEM, TAX = (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0)


def lesson(vector: tuple[float, ...] | None, wanted: float, weight: float = 1.0) -> Lesson:
    return Lesson(PROMPT, vector, wanted, weight)


def test_what_is_shipped_fits_the_measures_and_the_built_in_encoder() -> None:
    weights = shipped()
    assert set(weights.measures) == set(MEASURES)
    assert (len(weights.vector), weights.encoder) == (384, shallow_fingerprint(WEIGHTS_SHA256))
    assert weights.made_on and sum(one.rows for one in weights.made_from) > 1_000


def test_what_is_far_from_all_that_was_seen_counts_no_more_than_what_is_far() -> None:
    weights = shipped()
    most = abs(weights.measures["numbers"].points) * MOST_DEVIATIONS
    assert weights.of_measure("numbers", 1e9) == pytest.approx(most)
    assert weights.of_measure("numbers", None) == 0


@pytest.mark.parametrize("text", [PROMPT, "Hello!", "", "Prove that 3 < 4.", "Warum ist der Himmel blau?", "a" * 9_000])
def test_the_features_add_up_to_the_difficulty(text: str) -> None:
    found = difficulty(text)
    assert found.score == pytest.approx(min(1.0, max(0.0, BASE + sum(one.points for one in found.features))), abs=1e-3)
    assert [abs(one.points) for one in found.features] == sorted(
        (abs(one.points) for one in found.features), reverse=True
    )


def test_a_prompt_without_a_question_is_not_measured_by_one() -> None:
    assert not {"questions", "length of the question"} & {one.name for one in difficulty(PROMPT).features}


def test_german_words_are_long_later_than_english_ones() -> None:
    assert long_words_share("Die Gesetzgebung ist kompliziert.") == pytest.approx(0.25)
    assert long_words_share("Die Gesetze sind wichtig und einfach.") == 0
    assert long_words_share("The legislation is complicated.") == pytest.approx(0.5)


def test_without_labels_nothing_is_added() -> None:
    assert fit([]) == Head(0, 0.0, shipped().encoder)
    assert difficulty(PROMPT, POEM[:0] or None, fit([])) == difficulty(PROMPT)


def test_labels_raise_what_was_too_hard_and_lower_what_was_easy() -> None:
    head = fit([lesson(POEM, 0.0), lesson(TAX, 1.0)] * (LABELS_FOR_ALL // 2))
    assert head.points(TAX) > 0.3 > -0.2 > head.points(POEM)
    assert abs(head.points(None)) < 0.1, "as many were too hard as were easy"


def test_what_was_learned_grows_with_the_labels_and_is_whole_at_a_hundred() -> None:
    points = [fit([lesson(TAX, 1.0)] * many).points(TAX) for many in (5, 25, 50, 100, 200)]
    assert points == sorted(points) and points[0] < 0.05
    head = fit([lesson(TAX, 1.0)] * 200)
    assert head.points(TAX) == pytest.approx(head.bias + head.vector[1])


def test_a_label_of_no_weight_teaches_nothing_and_a_heavy_one_more() -> None:
    assert fit([lesson(TAX, 1.0, 0.0)] * 50) == Head(0, 0.0, shipped().encoder)
    assert fit([lesson(TAX, 1.0, 2.0)] * 50).points(TAX) > fit([lesson(TAX, 1.0, 0.2)] * 50).points(TAX)


def test_labels_without_a_meaning_shift_all_prompts_alike() -> None:
    head = fit([lesson(None, 1.0)] * 100)
    assert head.vector == () and head.points(None) > 0.3


def test_what_labels_taught_is_a_feature_of_its_own() -> None:
    head = fit([lesson(None, 1.0)] * 100)
    found = difficulty(PROMPT, head=head)
    assert found.score > difficulty(PROMPT).score
    assert next(one for one in found.features if one.name == "your labels").value == "100 labels"
    assert found.labels == 100


def test_apgr_is_a_half_for_guessing_and_more_for_knowing() -> None:
    source = random.Random(7)
    weak = np.array([float(source.random() < 0.5) for _ in range(2_000)])
    strong = np.ones(2_000)
    assert apgr([0.0] * 2_000, weak, strong) == pytest.approx(0.5)
    assert apgr([source.random() for _ in range(2_000)], weak, strong) == pytest.approx(0.5, abs=0.03)
    assert apgr(1 - weak, weak, strong) == pytest.approx(0.75, abs=0.02)
    assert apgr(weak, weak, strong) == pytest.approx(0.25, abs=0.02)


def test_training_finds_what_decides_and_is_small() -> None:
    """Prompts with many numbers fail on the weak model, and so do those of one meaning."""
    source = random.Random(3)
    prompts, weak, vectors = [], [], []
    for _ in range(400):
        numbers, meaning = source.randint(0, 9), source.random() < 0.5
        prompts.append("Add up: " + " ".join(str(source.randint(1, 9)) for _ in range(numbers)))
        weak.append(0.0 if numbers > 4 or meaning and source.random() < 0.5 else 1.0)
        vectors.append([1.0, 0.0] if meaning else [0.0, 1.0])
    measures = np.array([[value or 0.0 for value, _ in measured(prompt)] for prompt in prompts])
    data = DataSet("made up", tuple(prompts), np.array(weak), np.ones(400), np.array(vectors), measures, "encoder")
    weights = train([data], "2026-11-28")
    assert weights.measures["numbers"].points > 0.05
    assert weights.vector[0] > weights.vector[1]
    scores = [
        sum(one.points for one in difficulty(p, v, weights=weights).features)
        for p, v in zip(prompts, vectors, strict=True)
    ]
    assert apgr(scores, data.weak, data.strong) > 0.63, "knowing all would be .68"
    assert math.isfinite(weights.offset) and weights.made_from[0].rows == 400
