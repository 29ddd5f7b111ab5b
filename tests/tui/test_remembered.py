"""What survives of a screen."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from llmgw_tui.remembered import FILE, LARGEST_BYTES, Remembered


async def test_what_was_set_is_there_the_next_time(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "data")
    remembered.set("theme", "light")
    remembered.set("ascii", True)
    remembered.set("requests.page", 3)
    await remembered.settled()
    again = Remembered(tmp_path / "data")
    assert again.get("theme", "") == "light" and again.get("ascii", False) and again.get("requests.page", 0) == 3
    assert stat.S_IMODE((tmp_path / "data" / FILE).stat().st_mode) == 0o600
    assert [file.name for file in (tmp_path / "data").iterdir()] == [FILE]


def test_without_a_loop_it_is_written_at_once(tmp_path: Path) -> None:
    Remembered(tmp_path).set("theme", "ansi")
    assert Remembered(tmp_path).get("theme", "") == "ansi"


def test_a_value_of_another_kind_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"theme": 3, "ascii": "yes", "order": ["a"], "page": true}')
    remembered = Remembered(tmp_path)
    assert remembered.get("theme", "dark") == "dark" and remembered.get("ascii", False) is False
    assert remembered.get("order", "newest") == "newest" and remembered.get("page", 1) == 1


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b"[" * 70_000, b" " * LARGEST_BYTES + b"{}"])
def test_a_bad_file_is_said_and_put_aside(tmp_path: Path, content: bytes) -> None:
    for aside in (f"{FILE}.unreadable", f"{FILE}.unreadable1"):
        (tmp_path / FILE).write_bytes(content)
        remembered = Remembered(tmp_path)
        assert len(remembered.problems) == 1 and str(tmp_path / FILE) in remembered.problems[0]
        assert (tmp_path / FILE).read_bytes() == content
        remembered.set("theme", "light")
        assert Remembered(tmp_path).get("theme", "") == "light" and not Remembered(tmp_path).problems
        assert (tmp_path / aside).read_bytes() == content


def test_what_others_have_written_stays(tmp_path: Path) -> None:
    """Another version knows other names and kinds; another screen on the same folder writes meanwhile."""
    (tmp_path / FILE).write_text('{"theme": {"by": "day"}, "new.thing": [1, null], "ascii": true}')
    one, other = Remembered(tmp_path), Remembered(tmp_path)
    one.set("requests.sort", "cost")
    other.set("spend.by", "day")
    assert json.loads((tmp_path / FILE).read_text()) == {
        "theme": {"by": "day"},
        "new.thing": [1, None],
        "ascii": True,
        "requests.sort": "cost",
        "spend.by": "day",
    }
    assert not one.problems


async def test_what_changes_while_it_is_written_is_written_too(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path)
    for number in range(50):
        remembered.set("requests.page", number)
        remembered.set("requests.filters", tuple(f"{one}" for one in range(number)))
        await asyncio.sleep(0)
    await remembered.settled()
    again = Remembered(tmp_path)
    assert again.get("requests.page", 0) == 49 and len(again.get("requests.filters", ())) == 49


def test_a_folder_that_cannot_be_written_costs_only_the_choice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    remembered = Remembered(tmp_path / "file")
    remembered.set("theme", "light")
    assert remembered.get("theme", "") == "light" and not Remembered(tmp_path / "file").values


def test_without_a_folder_it_lives_as_long_as_the_run() -> None:
    remembered = Remembered()
    remembered.set("theme", "light")
    assert remembered.get("theme", "") == "light"
