"""Reading a prompt takes time that grows with its length."""

from __future__ import annotations

import time

import pytest

from gateway_core.cache.guards.reading import read


@pytest.mark.parametrize("piece", ["-", "a@b", "a.", '"a', "/a", "x-"])
def test_no_run_of_signs_takes_long(piece: str) -> None:
    text = (piece * 8_000)[:8_000]
    began = time.perf_counter()
    read(text)
    assert time.perf_counter() - began < 1.0
