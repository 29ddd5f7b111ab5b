"""What is pasted presses no keys, wherever the input is cut."""

from __future__ import annotations

import pytest
from textual import events

from llmgw_tui.pasting import END, START, PasteSafeParser

COLOURED = "ls \x1b[32mkill 3\x1b[0m \x1b]0;title\x07 y\x1b and then a long way without another escape in it\x1b"


def read(*pieces: str) -> tuple[str, str]:
    """The keys and the pasted text that the parser makes of these pieces of input."""
    parser = PasteSafeParser()
    told = [event for piece in pieces for event in parser.feed(piece)]
    keys = "".join(event.character or event.key for event in told if isinstance(event, events.Key))
    # A paste is told with the first character after it.
    return keys, "".join(event.text for event in told if isinstance(event, events.Paste))


def test_coloured_output_that_is_pasted_presses_no_keys() -> None:
    keys, pasted = read(f"{START}{COLOURED}{END}", "z")
    assert keys == "z"
    assert pasted == COLOURED.replace("\x1b", "")


@pytest.mark.parametrize("size", range(1, 9))
def test_a_paste_is_the_same_however_the_input_is_cut(size: int) -> None:
    sent = f"a{START}{COLOURED}{END}b{START}second{END}z"
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert read(*pieces) == ("abz", COLOURED.replace("\x1b", "") + "second")


def test_keys_that_are_escape_sequences_still_work() -> None:
    parser = PasteSafeParser()
    told = [event for event in parser.feed("\x1b[A\x1b[20~") if isinstance(event, events.Key)]
    assert [event.key for event in told] == ["up", "f9"]
