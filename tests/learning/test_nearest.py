"""The judged requests nearest to a new one, without numpy where there is none to compare with."""

from __future__ import annotations

import subprocess
import sys

from gateway_core.kinds import Tier
from gateway_core.learning.nearest import nearest_of, nobody, packed, unpacked
from gateway_core.learning_values import Source
from gateway_core.store.labels import Label


def label(
    name: str, vector: tuple[float, ...] | None, wanted: float = 0.0, encoder: str = "mini", weight: float = 1.0
) -> Label:
    blob = packed(vector) if vector else None
    return Label(name, 1.0, Source.THUMB, f"words of {name}", wanted, weight, False, vector=blob, encoder=encoder)


def test_the_nearest_come_first_with_what_they_needed() -> None:
    near = nearest_of([label("a", (1.0, 0.0)), label("b", (0.0, 2.0), 1.0), label("c", (1.0, 1.0), 0.5)], "mini")
    found = near((0.0, 1.0), 2)
    assert [(one.request_id, one.wanted, one.cosine) for one in found] == [
        ("b", Tier.PREMIUM, 1.0),
        ("c", Tier.CHEAP, 0.707),
    ]
    assert found[0].text == "", "the words stay with the label"
    assert len(near((0.0, 1.0), 9)) == 3 and near((0.0, 1.0), 0) == ()


def test_other_encoders_and_other_lengths_are_not_compared() -> None:
    labels = [
        label("a", (1.0, 0.0)),
        label("b", (1.0, 0.0), encoder="other"),
        label("c", (1.0, 0.0, 0.0)),
        label("d", None),
    ]
    near = nearest_of([*labels, label("e", (1.0, 0.0), weight=0.0)], "mini")
    assert [one.request_id for one in near((1.0, 0.0), 9)] == ["a"]
    assert near((1.0, 0.0, 0.0)) == () == near((0.0, 0.0)) == near(())
    assert nearest_of(labels, "") is nobody is nearest_of([], "mini")


def test_a_vector_is_kept_as_it_is() -> None:
    assert unpacked(packed((0.5, -0.25, 1.0))) == (0.5, -0.25, 1.0)


def test_a_gateway_without_labels_does_not_import_numpy() -> None:
    code = (
        "import sys; from gateway_core.learning.nearest import nearest_of; import gateway_core.gateway;"
        " nearest_of([], 'mini')((1.0,)); sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
