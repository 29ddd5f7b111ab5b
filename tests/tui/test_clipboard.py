"""What is copied reaches the terminal where it can, and a file always."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from llmgw_tui.clipboard import MOST_BYTES, Clipboard


async def test_a_copy_goes_to_the_terminal_and_into_a_file_of_ones_own(tmp_path: Path) -> None:
    sent: list[str] = []
    ok, words = await Clipboard(tmp_path, {}, sent.append).copy("Grüße", "the answer")
    path = tmp_path / "clipboard.txt"
    assert ok and sent == ["Grüße"] and path.read_text() == "Grüße"
    assert words == f"Copied the answer. Also in {path}" and stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"TMUX": "/tmp/tmux-0/default,1,0", "TERM": "xterm-256color"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "screen"}, True),
        ({"TERM": "xterm-256color", "TMUX": ""}, False),
        ({}, False),
    ],
)
async def test_only_in_tmux_here_or_before_ssh_the_way_through_it_is_told(
    tmp_path: Path, environ: dict[str, str], told: bool
) -> None:
    _, words = await Clipboard(tmp_path, environ, lambda _: None).copy("x", "the id")
    assert ("set -g set-clipboard on" in words) is told


async def test_what_no_terminal_takes_is_only_in_the_file(tmp_path: Path) -> None:
    sent: list[str] = []
    ok, words = await Clipboard(tmp_path, {"TMUX": "1"}, sent.append).copy("ä" * MOST_BYTES, "the answer")
    assert ok and not sent and "too much" in words and str(tmp_path) in words and "set-clipboard" not in words


@pytest.mark.parametrize(("many", "ok"), [(10, True), (MOST_BYTES + 1, False)])
async def test_a_folder_that_cannot_be_written_is_no_failure_of_a_copy(tmp_path: Path, many: int, ok: bool) -> None:
    (tmp_path / "no_folder").write_text("")
    copied, words = await Clipboard(tmp_path / "no_folder", {}, lambda _: None).copy("x" * many, "the answer")
    assert copied is ok and "no_folder" not in words


async def test_a_link_in_its_place_is_replaced_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    (tmp_path / "clipboard.txt").symlink_to(other)
    await Clipboard(tmp_path, {}, lambda _: None).copy("x", "it")
    assert other.read_text() == "precious" and not (tmp_path / "clipboard.txt").is_symlink()
