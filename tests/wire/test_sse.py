"""Reading event streams in any split, and writing them."""

from __future__ import annotations

import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.wire.sse import DONE, SSEError, SSEParser, encode

STREAM = (
    "\ufeff: ping\n\n"
    'event: message_start\ndata: {"text": "Größe 🦀"}\n\n'
    "id: 7\nretry: 10\ndata: first\ndata:second\ndata\n\n"
    "event: lonely\n\n"
    "data: [DONE]\n\n"
)
EVENTS = [
    '{"text": "Größe 🦀"}'.encode(),
    b"first\nsecond\n",
    b"[DONE]",
]


def read(pieces: list[bytes]) -> list[bytes]:
    parser = SSEParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@given(st.lists(st.integers(0, 400)), st.sampled_from(["\n", "\r\n", "\r"]))
def test_events_do_not_depend_on_how_the_bytes_arrive(cuts: list[int], newline: str) -> None:
    data = STREAM.replace("\n", newline).encode()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert read([data[start:end] for start, end in zip(edges, edges[1:], strict=False)]) == EVENTS


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_events_do_not_depend_on_single_bytes(newline: str) -> None:
    data = STREAM.replace("\n", newline).encode()
    assert read([data[at : at + 1] for at in range(len(data))]) == EVENTS


@given(st.dictionaries(st.text(), st.text()), st.one_of(st.none(), st.just("ping")))
def test_what_is_written_is_read_back(data: dict[str, str], name: str | None) -> None:
    written = encode(data, name)
    [event] = read([written])
    assert orjson.loads(event) == data and written.startswith(b"event: ping\n" if name else b"data: ")


def test_bytes_with_newlines_are_written_as_several_lines() -> None:
    assert encode(b"a\nb") == b"data: a\ndata: b\n\n"
    assert read([encode(b"a\nb")]) == [b"a\nb"]
    assert read([DONE]) == [b"[DONE]"]


def test_a_stream_without_its_last_blank_line_still_has_its_last_event() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: [DONE]") == []
    assert parser.finish() == [b"[DONE]"]
    assert parser.finish() == []


@pytest.mark.parametrize("data", [b"data: " + b"x" * 2000, b"data: xxxxxxxxxxxxxxxxx\n" * 100, b": " + b"x" * 2000])
def test_an_event_has_a_largest_size(data: bytes) -> None:
    parser = SSEParser(max_event_bytes=1000)
    with pytest.raises(SSEError):
        for start in range(0, len(data), 10):
            parser.feed(data[start : start + 10])


def test_a_long_line_in_small_pieces_is_read_in_linear_time() -> None:
    parser, piece = SSEParser(), b"x" * 100
    began = time.process_time()
    parser.feed(b"data: ")
    for _ in range(100_000):
        parser.feed(piece)
    [event] = parser.feed(b"\n\n")
    assert len(event) == 10_000_000
    assert time.process_time() - began < 2.0
