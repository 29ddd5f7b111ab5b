"""Parts of a long text: each knows how many lines it has, and makes one when it comes into sight."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Protocol, overload

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.frozen import frozen
from llmgw_tui.panes.draw import line
from llmgw_tui.slices import Steps

Line = Sequence[Segment]


class Part(Protocol):
    """Some lines."""

    def __len__(self) -> int: ...

    def line(self, row: int) -> Line:
        """What is drawn there, in the colours that are known by now."""
        ...

    def words(self, row: int) -> str:
        """The text of the same line."""
        ...


class Ready:
    """Lines that were made already."""

    def __init__(self, lines: Sequence[Line] = ()) -> None:
        self.lines = list(lines)

    def __len__(self) -> int:
        return len(self.lines)

    def line(self, row: int) -> Line:
        return self.lines[row]

    def words(self, row: int) -> str:
        return "".join(segment.text for segment in self.lines[row])


class Joined:
    """Parts under one another."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._begins: list[int] = []
        self._many = 0

    def add(self, part: Part | Line) -> None:
        """Puts a part, or one line, below the others."""
        if isinstance(part, Sequence):
            last = self._parts[-1] if self._parts else None
            if not isinstance(last, Ready):
                last = Ready()
                self._append(last)
            last.lines.append(part)
            self._many += 1
        elif len(part):
            self._append(part)
            self._many += len(part)

    def _append(self, part: Part) -> None:
        self._parts.append(part)
        self._begins.append(self._many)

    def __len__(self) -> int:
        return self._many

    def line(self, row: int) -> Line:
        part, at = self._at(row)
        return part.line(at)

    def words(self, row: int) -> str:
        part, at = self._at(row)
        return part.words(at)

    def _at(self, row: int) -> tuple[Part, int]:
        number = bisect_right(self._begins, row) - 1
        return self._parts[number], row - self._begins[number]


class Beside:
    """Two parts side by side, the left one ``width`` cells wide, and ``between`` them."""

    def __init__(self, left: Part, right: Part, width: int, between: Segment) -> None:
        self._left, self._right, self._width, self._between = left, right, width, between

    def __len__(self) -> int:
        return max(len(self._left), len(self._right))

    def line(self, row: int) -> Line:
        left = self._left.line(row) if row < len(self._left) else ()
        right = self._right.line(row) if row < len(self._right) else ()
        return [*line(self._width, *left), self._between, *right]

    def words(self, row: int) -> str:
        return "".join(segment.text for segment in self.line(row))


class Lines(Sequence[Strip]):
    """A part as strips of exactly ``width`` cells."""

    def __init__(self, part: Part, width: int) -> None:
        self.part = part
        self._width = width

    def __len__(self) -> int:
        return len(self.part)

    @overload
    def __getitem__(self, row: int) -> Strip: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Strip]: ...
    def __getitem__(self, row: int | slice) -> Strip | Sequence[Strip]:
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        return line(self._width, *self.part.line(row % len(self)))


@frozen
class Document:
    """A long text; ``sections`` are titles and the lines they begin on."""

    lines: Lines
    sections: tuple[tuple[str, int], ...] = ()

    def finding(self, wanted: str) -> Steps[list[int]]:
        """The lines that hold ``wanted``, whatever the case of either."""
        wanted, found = wanted.casefold(), list[int]()
        for row in range(len(self.lines)):
            if wanted in self.lines.part.words(row).casefold():
                found.append(row)
            yield
        return found


NOTHING = Document(Lines(Ready(), 0))


def every_line(parts: Iterator[Part | Line]) -> Iterator[Line]:
    """All lines of all parts, for what is small."""
    for part in parts:
        if isinstance(part, Sequence):
            yield part
        else:
            yield from (part.line(row) for row in range(len(part)))
