"""What is pasted presses no keys.

Textual 8.2.8 reads an escape sequence inside a bracketed paste as keys: of a pasted line of coloured output, the `2`
and the `m` of ``ESC[32m`` forced a tier and opened a screen. An escape says nothing in a paste, so it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._xterm_parser import XTermParser
from textual.message import Message

START = "\x1b[200~"
END = "\x1b[201~"


class PasteGuard:
    """Takes the escapes out of what is between the marks of a bracketed paste, however the input is cut."""

    def __init__(self) -> None:
        self._pasting = False
        self._seen = ""
        self._held = ""

    def clean(self, data: str) -> str:
        """``data`` without the escapes of a paste; what may be the beginning of its end waits for the next call."""
        kept: list[str] = []
        while data:
            taken, data = self._pasted(data) if self._pasting else self._typed(data)
            kept.append(taken)
        return "".join(kept)

    def _typed(self, data: str) -> tuple[str, str]:
        known = len(self._seen)
        at = (self._seen + data).find(START)
        if at < 0:
            self._seen = (self._seen + data)[1 - len(START) :]
            return data, ""
        self._pasting, self._seen = True, ""
        end = at + len(START) - known
        return data[:end], data[end:]

    def _pasted(self, data: str) -> tuple[str, str]:
        pasted, end, rest = (self._held + data).partition(END)
        self._held = ""
        if end:
            self._pasting = False
        else:
            self._held = next((END[:size] for size in range(len(END) - 1, 0, -1) if pasted.endswith(END[:size])), "")
            pasted = pasted.removesuffix(self._held)
        return pasted.replace("\x1b", "") + end, rest


class PasteSafeParser(XTermParser):
    """Textual's parser of what a terminal sends, behind a :class:`PasteGuard`."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._guard = PasteGuard()

    def feed(self, data: str) -> Iterable[Message]:
        """The events in ``data``; an empty one is the end of the input."""
        if not data:
            yield from super().feed(data)
        elif cleaned := self._guard.clean(data):
            yield from super().feed(cleaned)
