"""Newline-delimited JSON, cut into lines in any split (Ollama streams its own API so)."""

from __future__ import annotations


class LineTooLong(ValueError):
    """A line grew past the limit."""


class LineParser:
    """Cuts bytes into lines; every byte is looked at once, blank lines are left out.

    Raises :class:`LineTooLong` when one line grows past ``max_line_bytes``.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._tail: list[bytes] = []
        self._tail_bytes = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that ``chunk`` completes."""
        first, *rest = chunk.split(b"\n")
        self._keep(first)
        if not rest:
            return []
        lines = [b"".join(self._tail), *rest[:-1]]
        self._tail, self._tail_bytes = [], 0
        self._keep(rest[-1])
        if max(map(len, lines)) > self._limit:
            raise LineTooLong
        return [line for line in lines if line.strip()]

    def finish(self) -> list[bytes]:
        """The last line, where its end is missing."""
        line = b"".join(self._tail)
        self._tail, self._tail_bytes = [], 0
        return [line] if line.strip() else []

    def _keep(self, piece: bytes) -> None:
        self._tail.append(piece)
        self._tail_bytes += len(piece)
        if self._tail_bytes > self._limit:
            raise LineTooLong
