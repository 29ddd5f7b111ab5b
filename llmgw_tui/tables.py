"""Plain tables for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len


def print_table(
    lines: Sequence[Sequence[str]], *, left: int, right: int | None = None, at_least: Sequence[int] = ()
) -> list[int]:
    """Columns as wide, in cells, as they must be, and ``at_least`` so wide; returns their widths.

    The first ``left`` of them lean to the left, the next ``right`` (without a number: all others) to the right, those
    behind to the left again.
    """
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(lines[0]))]
    widths = [max(pair) for pair in zip(widths, at_least or widths, strict=True)]
    numbers = range(left, len(widths) if right is None else left + right)
    for line in lines:
        cells = [
            " " * (width - cell_len(text)) + text if column in numbers else text + " " * (width - cell_len(text))
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    return widths
