"""A pipe that nobody reads and that takes no more, as a terminal does whose reader has stopped."""

from __future__ import annotations

import os

import pytest


def full_pipe() -> tuple[int, int]:
    """Its reading end, and its writing end, on which a write now blocks. What fills it are empty lines."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, b"\n" * 4096)
    os.set_blocking(writing, True)
    return reading, writing
