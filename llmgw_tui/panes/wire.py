"""What went over the wire for a request: the client's headers, and each request upstream with what came back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment

from gateway_core.model import RequestParts, UpstreamRequest
from gateway_core.traces import MASKED, Headers
from llmgw_tui.ink import Ink
from llmgw_tui.panes.detail import document
from llmgw_tui.panes.details import Line, chopped, pair, wrapped
from llmgw_tui.panes.draw import Look, cell
from llmgw_tui.panes.messages import code_lines
from llmgw_tui.panes.parts import Document, Part
from llmgw_tui.slices import Steps
from llmgw_tui.text import preview
from llmgw_tui.theme import BAD_STYLE, BRIGHT_STYLE, GOOD_STYLE, MUTED_STYLE, TEXT_STYLE, WARN_STYLE

NOT_KEPT = "Nothing of the wire is kept: it still runs, is older than KEEP_BODIES_DAYS, or came before it was kept."
_LONGEST_READABLE = 400_000


def headers_document(parts: RequestParts | None, look: Look, width: int) -> Steps[Document]:
    """The client's headers, and those of each answer from upstream."""
    return document(_headers(parts, max(10, width - 2)), look, width)


def upstream_document(
    parts: RequestParts | None, look: Look, width: int, ink: Ink, *, whole: bool = False
) -> Steps[Document]:
    """Each request upstream as it was sent. ``whole`` shows the bodies uncut."""
    return document(_upstream(parts, max(10, width - 2), whole, ink), look, width)


def _headers(parts: RequestParts | None, width: int) -> Iterator[tuple[str, Iterable[Line]]]:
    if parts is None or parts.received is None:
        yield "Headers", wrapped("", NOT_KEPT, width, MUTED_STYLE)
        return
    received = parts.received
    head = [pair("", f"{preview(received.method)} {preview(received.path)}", BRIGHT_STYLE), []]
    yield "As it came", [*head, *_named(received.headers, width)]
    for sent in parts.upstream:
        if sent.answer_headers:
            yield _title("Answer", sent), [_status(sent), [], *_named(sent.answer_headers, width)]


def _upstream(
    parts: RequestParts | None, width: int, whole: bool, ink: Ink
) -> Iterator[tuple[str, Iterable[Part | Line]]]:
    if parts is None:
        yield "Upstream", wrapped("", NOT_KEPT, width, MUTED_STYLE)
        return
    if parts.masked:
        text = f"Secrets were taken out: each stands as {MASKED}."
        yield "", wrapped("", text, width, WARN_STYLE)
    if not parts.upstream:
        text = "Nothing was sent upstream: a cache, another request's call or a refusal answered."
        yield "Upstream", wrapped("", text, width, MUTED_STYLE)
    for sent in parts.upstream:
        yield _title("Attempt", sent), _sent(sent, width, whole, ink)


def _sent(sent: UpstreamRequest, width: int, whole: bool, ink: Ink) -> Iterator[Part | Line]:
    yield from wrapped(preview(sent.method), sent.url, width, BRIGHT_STYLE)
    yield _status(sent)
    if sent.error:
        yield from wrapped("error", sent.error, width, BAD_STYLE)
    yield []
    yield from _named(sent.headers, width)
    yield []
    yield from code_lines(readable(sent.body), "json", width, whole, ink)


def _status(sent: UpstreamRequest) -> Line:
    if sent.status is None:
        return pair("answer", "none", BAD_STYLE)
    return pair("answer", f"status {sent.status}", GOOD_STYLE if sent.status < 400 else BAD_STYLE)


def _title(word: str, sent: UpstreamRequest) -> str:
    return f"{word} {sent.attempt}  {preview(sent.target)}"


def _named(headers: Headers, width: int) -> Iterator[Line]:
    names = [preview(name) for name, _ in headers]
    column = min(28, max((cell_len(name) for name in names), default=0)) + 2
    for name, (_, value) in zip(names, headers, strict=True):
        style = MUTED_STYLE if MASKED in value else TEXT_STYLE
        for number, piece in enumerate(chopped(preview(value), max(8, width - column - 1))):
            yield [cell(f" {name}" if number == 0 else "", column + 1, MUTED_STYLE), Segment(piece, style)]


@lru_cache(maxsize=8)
def readable(body: str) -> str:
    """JSON on lines of its own; takes 10 ms for a large body, once."""
    if len(body) > _LONGEST_READABLE:
        return body
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body
