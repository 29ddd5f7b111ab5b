"""A terminal of the few sequences that the control centre writes: cells, colours, and the modes it was put in."""

from __future__ import annotations

import re

from rich.cells import get_character_cell_size

_SEQUENCE = re.compile(
    r"\x1b\[(?P<private>[?><=]?)(?P<numbers>[\d;]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b\](?P<command>[^\x07\x1b]*)(?:\x07|\x1b\\)|\x1b[()][0-9A-Za-z]|\x1b[=>78M]"
)
LONGEST = 48
"""A sequence that is not whole by then is none."""
Colours = tuple[str, str]


class TinyTerminal:
    """Feed it what was written; ``lines`` is what it shows. ``unknown`` holds what it does not understand."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.cells = [[" "] * width for _ in range(height)]
        self.colours: list[list[Colours]] = [[("39", "49")] * width for _ in range(height)]
        self.attributes = [[""] * width for _ in range(height)]
        self.modes: dict[str, bool] = {}
        self.unknown: list[str] = []
        self._x = self._y = 0
        self._rest = ""
        self._ink, self._ground, self._set = "39", "49", set[str]()

    @property
    def lines(self) -> list[str]:
        return ["".join(line) for line in self.cells]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def resize(self, width: int, height: int) -> None:
        """As when a window is made larger or smaller: what was there is cut or filled up."""
        before = self.cells, self.colours, self.attributes
        fills = " ", ("39", "49"), ""
        self.cells, self.colours, self.attributes = (  # type: ignore[assignment]
            [
                [grid[y][x] if y < self.height and x < self.width else fill for x in range(width)]  # type: ignore[index]
                for y in range(height)
            ]
            for grid, fill in zip(before, fills, strict=True)
        )
        self.width, self.height = width, height

    def feed(self, text: str) -> None:
        text, self._rest, at = self._rest + text, "", 0
        while at < len(text):
            if text[at] == "\x1b":
                match = _SEQUENCE.match(text, at)
                if match is None and len(text) - at < LONGEST:
                    self._rest = text[at:]
                    return
                if match is None:
                    self.unknown.append(text[at : at + 12])
                    at += 1
                    continue
                if match["final"]:
                    self._control(match)
                at = match.end()
                continue
            self._put(text[at])
            at += 1

    def _control(self, match: re.Match[str]) -> None:
        numbers = [int(part) if part else 0 for part in match["numbers"].split(";")]
        final = match["final"]
        if match["private"] == "?" and final in "hl" and not match["between"]:
            for number in numbers:
                self.modes[str(number)] = final == "h"
        elif match["private"] or match["between"]:
            return
        elif final == "H":
            row, column = (*numbers, 1, 1)[:2] if numbers != [0] else (1, 1)
            self._y, self._x = max(1, row) - 1, max(1, column) - 1
        elif final == "C":
            self._x += max(1, numbers[0])
        elif final == "m":
            self._style(match["numbers"].split(";"))
        elif final != "n":
            self.unknown.append(match.group())

    def _style(self, codes: list[str]) -> None:
        left = list(codes)
        while left:
            code = left.pop(0) or "0"
            if code in ("38", "48"):
                taken = [left.pop(0)]
                taken += [left.pop(0) for _ in range(3 if taken == ["2"] else 1)]
                value = ";".join([code, *taken])
                if code == "38":
                    self._ink = value
                else:
                    self._ground = value
            elif code == "0":
                self._ink, self._ground, self._set = "39", "49", set()
            elif code == "39" or code[:-1] in ("3", "9"):
                self._ink = code
            elif code == "49" or code[:-1] in ("4", "10"):
                self._ground = code
            else:
                self._set.add(code)

    def _put(self, character: str) -> None:
        if character == "\r":
            self._x = 0
            return
        if character == "\n":
            self._y += 1
            return
        width = get_character_cell_size(character)
        if not 0 <= self._y < self.height:
            return
        if width == 0:
            left = min(self._x, self.width) - 1
            left -= not self.cells[self._y][left]
            self.cells[self._y][max(0, left)] += character
            return
        if self._x >= self.width:
            self._x = self.width - 1
        for cell, shown in enumerate([character, ""][:width]):
            if self._x + cell < self.width:
                self.cells[self._y][self._x + cell] = shown
                self.colours[self._y][self._x + cell] = (self._ink, self._ground)
                self.attributes[self._y][self._x + cell] = ";".join(sorted(self._set))
        self._x += width
