"""The keymap file."""

from __future__ import annotations

from pathlib import Path

from llmgw_tui.keymap import Keys, key_name, read_keymap
from llmgw_tui.keymap_file import keymap_lines
from llmgw_tui.places import DEFAULT_KEYS, EVERYWHERE
from llmgw_tui.theme import ASCII
from tests.fakes import snapshots
from tests.tui.conftest import Staging


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


def test_a_mistake_is_named_with_its_line_and_leaves_that_action_its_key(tmp_path: Path) -> None:
    file = tmp_path / "keymap.yaml"
    file.write_text("# mine\nkill_switch: ctrl+k\nload: s\nhelp: hyperspace\ncopy: spam+x\nquit: Q\nquit: X\n")
    keys = read_keymap(file)
    assert keys.of("kill_switch") == "ctrl+k" and keys.of("load") == "l" and keys.of("copy") == "y"
    assert set(keys.problems) == {
        "keymap.yaml line 7: quit stands there twice.",
        "keymap.yaml line 4: there is no key 'hyperspace'.",
        "keymap.yaml line 5: there is no key 'spam+x'.",
        "keymap.yaml line 3: s is the key of both load and switch; that is not taken.",
    }


def test_two_keys_can_be_exchanged(tmp_path: Path) -> None:
    file = tmp_path / "keymap.yaml"
    file.write_text("load: s\nswitch: l\n")
    keys = read_keymap(file)
    assert not keys.problems and (keys.of("load"), keys.of("switch")) == ("s", "l")


def test_keys_are_named_by_their_character_or_their_name() -> None:
    named = {"/": "slash", "?": "question_mark", "Q": "Q", "0": "0", "ctrl+K": "ctrl+K", "Space": "space", "F5": "f5"}
    named |= {"+": "plus", "ctrl++": "ctrl+plus", "shift+Tab": "shift+tab", "question_mark": "question_mark"}
    assert {word: key_name(word) for word in named} == named
    assert [key_name(word) for word in ("", "foo", "ctrl+", "hyper", "a+b")] == [""] * 5


def test_what_llmgw_keys_prints_can_be_read_again(tmp_path: Path) -> None:
    file = tmp_path / "keymap.yaml"
    printed = "\n".join(keymap_lines(Keys(), file))
    file.write_text(printed)
    keys = read_keymap(file)
    assert not keys.problems
    for name, default in DEFAULT_KEYS.items():
        assert keys.of(name).replace(" ", "") == default.replace(" ", "") and name in printed
        assert (name in keys.changed) == bool(default)


async def test_an_action_of_one_screen_gets_another_key(staging: Staging, tmp_path: Path) -> None:
    file = tmp_path / "keymap.yaml"
    file.write_text("cache.forget: X\n")
    async with staging(snapshots.busy(), keys=read_keymap(file)) as stage:
        await stage.press("c", "down", "X")
        await stage.pilot.pause()
        assert "Forget" in stage.text
        await stage.press("n", "d")
        assert "Forget" not in stage.text or "X" in stage.text
