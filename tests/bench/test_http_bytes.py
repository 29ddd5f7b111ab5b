"""Messages are cut out of the bytes of a connection, however those are cut."""

from __future__ import annotations

import pytest

from tests.bench.http_bytes import LAST_CHUNK, Message, answer, chunk

REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n" + chunk(b"one ") + chunk(b"two") + LAST_CHUNK


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
@pytest.mark.parametrize(("sent", "body"), [(REQUEST, b"hello"), (CHUNKED, b"one two"), (answer(b"{}"), b"{}")])
def test_the_body_is_the_same_whatever_the_pieces_are(sent: bytes, body: bytes, size: int) -> None:
    message = Message()
    read = b"".join(message.feed(sent[at : at + size]) for at in range(0, len(sent), size))
    assert (read, message.whole, message.rest) == (body, True, b"")


def test_what_follows_a_message_is_left_for_the_next() -> None:
    message = Message()
    assert message.feed(REQUEST + REQUEST[:10]) == b"hello"
    assert message.rest == REQUEST[:10]


def test_what_follows_the_last_chunk_is_left_for_the_next() -> None:
    message = Message()
    assert message.feed(CHUNKED + b"HTTP") == b"one two"
    assert message.rest == b"HTTP"


def test_a_request_without_a_length_has_no_body() -> None:
    message = Message()
    assert message.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert message.whole


def test_an_answer_without_a_length_goes_on_until_the_connection_ends() -> None:
    message = Message()
    assert message.feed(b"HTTP/1.1 200 OK\r\n\r\nabc") == b"abc"
    assert message.feed(b"def") == b"def"
    assert not message.whole
    assert message.closes


def test_an_answer_tells_its_status_and_whether_it_was_the_last() -> None:
    message = Message()
    message.feed(b"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert (message.status, message.closes, message.whole) == (503, True, True)


def test_an_empty_body_is_whole_with_its_head() -> None:
    message = Message()
    message.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert message.whole
    assert not message.closes


def test_a_chunk_may_have_an_extension() -> None:
    message = Message()
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert message.feed(head + b"3;name=value\r\nabc\r\n" + LAST_CHUNK) == b"abc"


def test_a_chunk_without_a_size_is_refused() -> None:
    message = Message()
    message.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(ValueError, match="invalid literal"):
        message.feed(b"no size\r\nabc\r\n")
