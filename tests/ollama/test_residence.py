"""Which model would have to leave for another: as it was seen, as memory has room, as they are used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway_core.local_values import LocalModel
from gateway_core.ollama.residence import STICKY_S, Leaving, Residence

LOOKED = 1_000.0
NOW = LOOKED + 2.0
SMALL = LocalModel("small", loaded=True, last_used_at=NOW - 40, expires_at=NOW + 260)
BIG = LocalModel("big")


def no_room(models: Sequence[LocalModel], leaving: frozenset[str]) -> bool:
    return False


def room(models: Sequence[LocalModel], leaving: frozenset[str]) -> bool:
    return True


def leaving(model: LocalModel, *others: LocalModel, seen: Residence | None = None) -> Leaving | None:
    return (seen or Residence()).leaving(model, (model, *others), LOOKED, NOW, no_room)


@pytest.mark.parametrize(
    ("small", "in_use"),
    [
        (SMALL, "used 40 s ago"),
        (replace(SMALL, last_used_at=NOW - 200), "used 3 min ago"),
        (replace(SMALL, in_flight=1), "which is answering"),
        (replace(SMALL, last_used_at=None, expires_at=None), "which is to stay"),
        (replace(SMALL, last_used_at=NOW - STICKY_S), None),
        (replace(SMALL, last_used_at=None), None),
        (replace(SMALL, last_used_at=NOW + 3_600), None),
        (replace(SMALL, loaded=False, last_used_at=NOW + 3_600), None),
        (replace(SMALL, loaded=False, last_used_at=LOOKED - 40), None),
    ],
)
def test_a_model_that_is_used_or_to_stay_is_in_the_way(small: LocalModel, in_use: str | None) -> None:
    assert leaving(BIG, small) == (Leaving("small", in_use) if in_use else None)


def test_what_is_loaded_pushes_nobody_out() -> None:
    assert leaving(SMALL, replace(BIG, loaded=True, last_used_at=NOW)) is None


def test_where_there_is_room_nobody_leaves_and_idle_models_make_room() -> None:
    asked: list[tuple[list[str], frozenset[str]]] = []

    def look(models: Sequence[LocalModel], idle: frozenset[str]) -> bool:
        asked.append(([model.name for model in models], idle))
        return "idle" in idle

    models = (BIG, SMALL, LocalModel("idle", loaded=True, expires_at=NOW + 5), LocalModel("pinned", loaded=True))
    assert Residence().leaving(BIG, models, LOOKED, NOW, look) is None
    assert asked == [(["big"], frozenset({"idle"}))]


def test_models_seen_together_fit_together_and_one_that_went_for_another_does_not() -> None:
    seen, big = Residence(), replace(BIG, loaded=True, expires_at=NOW + 300)
    seen.saw((SMALL, big), NOW)
    assert leaving(BIG, SMALL, seen=seen) is None
    seen.saw((SMALL, BIG), NOW)
    seen.saw((replace(SMALL, loaded=False), big), NOW)
    assert seen.leaving(BIG, (BIG, SMALL), LOOKED, NOW, room) is not None
    seen.saw((SMALL, big), NOW)
    assert seen.leaving(BIG, (BIG, SMALL), LOOKED, NOW, no_room) is None


def test_one_whose_time_was_over_went_by_itself() -> None:
    seen = Residence()
    seen.saw((replace(SMALL, expires_at=NOW - 1),), NOW - 3)
    seen.saw((replace(BIG, loaded=True),), NOW)
    assert seen.leaving(BIG, (BIG, SMALL), LOOKED, NOW, room) is None


def test_a_fourth_model_makes_one_of_three_leave() -> None:
    three = [replace(SMALL, name=f"m{number}", last_used_at=NOW - 10 - number) for number in range(3)]
    assert Residence().leaving(BIG, (BIG, *three), LOOKED, NOW, room) == Leaving("m0", "used 10 s ago")
    assert Residence().leaving(BIG, (BIG, *three[:2]), LOOKED, NOW, room) is None


def test_a_model_that_is_being_loaded_is_there_already_and_what_it_puts_out_is_not() -> None:
    for coming in (replace(BIG, in_flight=1), replace(BIG, last_used_at=LOOKED + 1)):
        assert leaving(coming, SMALL) is None
        found = leaving(SMALL, coming)
        assert found is not None and found.model == "big"
        assert Residence().leaving(SMALL, (SMALL, coming), LOOKED, NOW, room) is None


# --- the prompt that a model has read last --------------------------------------------------------------------------


def test_the_last_prompt_is_kept_until_another_is_read_or_the_model_goes() -> None:
    seen = Residence()
    seen.saw((replace(SMALL, name="small:latest"),), NOW)
    seen.read("small", "s", 14_000)
    kept = seen.kept("small:latest")
    assert kept and (kept.session, kept.tokens) == ("s", 14_000)
    for session, tokens in ((None, 14_000), ("s", 0)):
        seen.read("small", "s", 14_000)
        seen.read("small", session, tokens)
        assert seen.kept("small:latest") is None
    seen.read("small", "s", 14_000)
    seen.saw((), NOW)
    assert seen.kept("small:latest") is None


def test_another_server_knows_nothing_of_it() -> None:
    seen = Residence()
    seen.saw((SMALL, replace(BIG, loaded=True)), NOW)
    seen.read("small", "s", 14_000)
    seen.forget()
    assert seen.kept("small") is None and leaving(BIG, SMALL, seen=seen) is not None
