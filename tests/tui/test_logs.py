"""The log file where it cannot be written."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmgw_tui.logs import log_to_file


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    yield
    for handler in root.handlers:
        if handler not in before:
            with contextlib.suppress(OSError):
                handler.close()
    root.handlers, root.level = before, level


def test_a_log_on_a_full_disk_writes_nothing_across_the_screen(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = log_to_file(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.FileHandler) and handler.stream is not None
    os.dup2(full, handler.stream.fileno())
    os.close(full)
    logging.getLogger("llmgw").warning("what no disk takes")
    assert path.exists() and capfd.readouterr() == ("", "")
