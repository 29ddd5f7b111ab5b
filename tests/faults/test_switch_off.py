"""The runner of guards calls noticed only what a test has failed of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import switch_off
from tests.faults.mutations import Mutation
from tests.faults.switch_off import Outcome

GUARD = "def guarded(): return True\n"
TESTS = """
from guard import guarded
def test_that_notices(): assert guarded()
def test_that_does_not(): assert guarded() in (True, False)
"""


async def outcome(folder: Path, test: str, after: str = "return False") -> Outcome:
    (folder / "guard.py").write_text(GUARD)
    (folder / "test_guard.py").write_text(TESTS)
    found = await switch_off.switch_off(Mutation("a guard", "guard.py", "return True", after, test), folder)
    assert (folder / "guard.py").read_text() == GUARD, "it is on again"
    return found


async def test_a_guard_whose_test_fails_without_it_is_noticed(tmp_path: Path) -> None:
    assert not (await outcome(tmp_path, "test_guard.py::test_that_notices")).problem


async def test_a_guard_that_no_test_misses_is_not(tmp_path: Path) -> None:
    assert "passes without it" in (await outcome(tmp_path, "test_guard.py::test_that_does_not")).problem


@pytest.mark.parametrize(
    ("test", "after"), [("test_guard.py::test_of_old", "return False"), ("test_guard.py", "return (")]
)
async def test_a_test_that_is_not_there_or_cannot_be_read_notices_nothing(
    tmp_path: Path, test: str, after: str
) -> None:
    assert "pytest ended with" in (await outcome(tmp_path, test, after)).problem


async def test_a_pytest_that_cannot_start_notices_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch_off, "_PYTEST", ("-p=no:such",))
    assert "pytest ended with 1" in (await outcome(tmp_path, "test_guard.py::test_that_notices")).problem
