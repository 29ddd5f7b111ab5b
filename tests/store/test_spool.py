from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway_core.store.spool import NAMES, Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path)
    yield opened
    opened.remove()


def test_what_is_added_is_read_by_the_next_process(spool: Spool, tmp_path: Path) -> None:
    assert spool.read() == []
    assert spool.add(["call", ("a", 1), None]) and spool.add(["end", ("é\n\u2028", 2.5)])
    assert Spool(tmp_path).read() == [["call", ["a", 1], None], ["end", ["é\n\u2028", 2.5]]]


def test_it_is_its_users_alone(spool: Spool, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        spool.add(["a"])
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600]


def test_what_was_added_before_the_last_turn_can_be_dropped(spool: Spool) -> None:
    spool.add(["first"])
    spool.turn()
    spool.add(["second"])
    assert sorted(spool.read()) == [["first"], ["second"]]
    spool.drop()
    assert spool.read() == [["second"]]
    spool.turn()
    spool.add(["third"])
    spool.drop()
    assert spool.read() == [["third"]]


def test_without_a_drop_nothing_is_forgotten(spool: Spool) -> None:
    """What could not be written into the database is still there, however often it is tried."""
    for number in range(6):
        spool.add([number])
        spool.turn()
    assert sorted(spool.read()) == [[number] for number in range(6)]
    for _ in range(2):
        spool.drop()
        spool.turn()
    assert spool.read() == []


@pytest.mark.parametrize("kept", [0, 1, 9, -1])
def test_an_entry_that_was_written_in_part_spoils_no_other(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    write = os.write
    assert spool.add(["whole", 1])
    monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:kept]))
    assert not spool.add(["broken", 2])
    monkeypatch.setattr(os, "write", write)
    assert spool.add(["next", 3])
    found = spool.read()
    assert found[0] == ["whole", 1] and found[-1] == ["next", 3]
    assert found[1:-1] in ([], [["broken", 2]])


def test_a_disk_that_is_full_is_told(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, line: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        assert not spool.add(["lost"])
    assert spool.add(["kept"])
    assert spool.read() == [["kept"]]


def test_what_json_cannot_say_is_not_taken(spool: Spool) -> None:
    assert not spool.add(["broken \ud800 text"])
    assert not spool.add([2**70])
    assert spool.add(["fine"]) and spool.read() == [["fine"]]


def test_nonsense_in_its_files_is_passed_over(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / NAMES[0]).write_bytes(b'\0\0\0\n{"a": 1}\n[]\n["call"]\n\xff\xfe\n["end", ')
    assert spool.read() == [["call"]]


def test_a_folder_that_cannot_be_written_takes_nothing(tmp_path: Path) -> None:
    assert not Spool(tmp_path / "nowhere").add(["a"])
