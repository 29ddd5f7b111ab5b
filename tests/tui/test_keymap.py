"""The keymap file."""

from __future__ import annotations

from pathlib import Path

from llmgw_tui.keymap import Keys, read_keymap
from llmgw_tui.places import EVERYWHERE
from llmgw_tui.theme import ASCII


def test_without_a_file_the_keys_are_the_contract() -> None:
    keys = Keys()
    shown = {action.name: keys.shown(action.name) for action in EVERYWHERE}
    assert [
        shown[name]
        for name in (
            "kill_switch",
            "force_auto",
            "force_local",
            "force_cheap",
            "force_premium",
            "detail",
            "filter",
            "pull",
            "load",
            "switch",
            "mark_wrong",
            "maximise",
            "copy",
            "help",
            "palette",
            "quit",
        )
    ] == list("k0123⏎/plswzy?") + ["^p", "q"]
    assert keys.shown("detail", ASCII) == "enter"


def test_a_file_changes_keys_and_its_mistakes_are_named(tmp_path: Path) -> None:
    file = tmp_path / "keymap.yaml"
    file.write_text("kill_switch: ctrl+k\ncache.forget: z\nquit: [q, Q]\nfly: f\npull: ''\nload: s\n")
    keys = read_keymap(file)
    assert keys.of("kill_switch") == "ctrl+k" and keys.of("quit") == "q,Q" and keys.of("pull") == "p"
    assert any("no action fly" in problem for problem in keys.problems)
    assert any("pull needs a key" in problem for problem in keys.problems)
    assert any("z is the key of both maximise and cache.forget" in problem for problem in keys.problems)
    assert any("s is the key of both" in problem for problem in keys.problems)


def test_a_file_that_cannot_be_read_leaves_the_keys(tmp_path: Path) -> None:
    for number, content in enumerate((b"kill_switch: [", b"- a\n- b", b"\xff\xfe\x00")):
        file = tmp_path / f"{number}.yaml"
        file.write_bytes(content)
        keys = read_keymap(file)
        assert keys.problems and not keys.changed
    assert read_keymap(tmp_path / "missing.yaml") == Keys() and read_keymap(None) == Keys()
    (tmp_path / "empty.yaml").write_text("")
    assert read_keymap(tmp_path / "empty.yaml") == Keys()
