"""JSON lines come in any split, and no line grows without end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.wire.ndjson import LineParser, LineTooLong


@given(st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line and line.strip() != b"")), st.data())
def test_lines_are_the_same_in_any_split(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    parser = LineParser(1 << 20)
    found = [
        line
        for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)
        for line in parser.feed(whole[start:end])
    ]
    assert found + parser.finish() == lines


def test_blank_lines_are_left_out_and_a_last_line_needs_no_end() -> None:
    parser = LineParser(100)
    assert parser.feed(b"\n \r\n{}\r\n\n[]") == [b"{}\r"]
    assert parser.finish() == [b"[]"]
    assert parser.finish() == []


@pytest.mark.parametrize("pieces", [[b"x" * 101], [b"x" * 60] * 2, [b"x" * 101 + b"\n"], [b"\n" + b"x" * 101]])
def test_a_line_that_is_too_long_is_refused_before_it_is_kept(pieces: list[bytes]) -> None:
    parser = LineParser(100)
    with pytest.raises(LineTooLong):
        for piece in pieces:
            parser.feed(piece)
