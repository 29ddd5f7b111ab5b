"""``frozen``: what a dataclass of the standard library promises of a value."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace

import orjson
import pytest

from gateway_core.frozen import frozen
from gateway_core.model import Usage


@frozen
class Point:
    """Where."""

    x: int
    y: int = 0
    seen: list[str] = field(default_factory=list, compare=False)
    secret: str = field(default="s3", repr=False, compare=False)


@frozen
class Named(Point):
    name: str = ""


@frozen
class Nothing:
    pass


@frozen
class Own:
    x: int

    def __repr__(self) -> str:
        return "own"

    def __hash__(self) -> int:
        return 7


def test_values_are_equal_where_what_is_compared_is() -> None:
    assert Point(1, 2, ["a"]) == Point(1, 2, ["b"], "other")
    assert Point(1, 2) != Point(1, 3)
    assert Nothing() == Nothing()


def test_a_value_of_another_class_is_another_one() -> None:
    assert Point(1) != Named(1)
    assert Point(1).__eq__((1, 0)) is NotImplemented


def test_equal_values_have_one_hash_and_what_is_not_compared_need_not_have_one() -> None:
    assert {Point(1, 2, ["a"]), Point(1, 2, ["b"])} == {Point(1, 2)}
    assert hash(Nothing()) == hash(Nothing())


def test_a_hash_of_what_has_none_fails() -> None:
    @frozen
    class Holder:
        held: list[int]

    with pytest.raises(TypeError):
        hash(Holder([]))


def test_the_text_shows_all_fields_but_those_that_must_not_be_seen() -> None:
    assert repr(Named(1, name="n")) == "Named(x=1, y=0, seen=[], name='n')"
    assert repr(Nothing()) == "Nothing()"


def test_what_a_class_says_itself_is_left() -> None:
    assert repr(Own(1)) == "own" and hash(Own(1)) == 7
    assert Own(1) == Own(1)


def test_the_tools_of_dataclasses_know_a_value() -> None:
    point = Point(1)
    assert [one.name for one in fields(point)] == ["x", "y", "seen", "secret"]
    assert replace(point, y=5) == Point(1, 5)
    assert asdict(Point(1, 2)) == {"x": 1, "y": 2, "seen": [], "secret": "s3"}
    assert orjson.loads(orjson.dumps(point)) == {"x": 1, "y": 0, "seen": [], "secret": "s3"}


def test_a_value_can_be_copied_and_sent_to_another_process() -> None:
    assert copy.deepcopy(Point(1, 2)) == Point(1, 2)
    assert pickle.loads(pickle.dumps(Usage(5, 6))) == Usage(5, 6)


def test_its_text_and_comparison_are_those_of_a_dataclass() -> None:
    @dataclass(frozen=True, slots=True)
    class Plain:
        x: int
        y: str = "a'b"

    @frozen
    class Quick:
        x: int
        y: str = "a'b"

    assert repr(Quick(1)) == repr(Plain(1)).replace("Plain", "Quick")
    assert hash(Quick(1)) == hash(Plain(1))
    with pytest.raises(FrozenInstanceError):
        Plain(1).x = 2  # type: ignore[misc]


def test_a_class_without_words_gets_its_name_as_such() -> None:
    assert Named.__doc__ == "Named" and Point.__doc__ == "Where."
