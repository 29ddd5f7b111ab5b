"""What the doctor finds of what llmgw runs on: the versions under it, and the terminal and files of its screen."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from llmgw_tui.findings import Finding

OLDEST_AIOHTTP = (3, 14, 3)
"""Earlier ones have known vulnerabilities, which this one has mended (2026-11)."""
WAL_MENDED = (3, 51, 3)
"""SQLite before it can lose a commit when two connections write and the log begins anew (sqlite.org, 3.51.3)."""


def version_findings() -> Iterator[Finding]:
    """Python, and libraries whose faults are known."""
    yield Finding("ok", f"Python {sys.version.split()[0]}")
    found = version("aiohttp")
    if tuple(map(int, re.findall(r"\d+", found)[:3])) < OLDEST_AIOHTTP:
        yield Finding("fail", f"aiohttp {found} has faults that let strangers in. Install llmgw again.")
    if sqlite3.sqlite_version_info < WAL_MENDED:
        fault = f"SQLite {sqlite3.sqlite_version} can lose writes of two connections (mended in 3.51.3)"
        yield Finding("ok", f"{fault}; llmgw writes through one only")


def screen_findings(keymap_file: Path, data_dir: Path) -> Iterator[Finding]:
    """The files beside the configuration that the control centre reads, and what its terminal lacks."""
    from llmgw_tui.screen_options import ScreenOptions
    from llmgw_tui.setup import set_up

    made = set_up(ScreenOptions(None, False, None, False), os.environ, keymap_file, data_dir)
    for problem in made.problems:
        yield Finding("note", f"{problem.rstrip('.')}. The rest is taken.")
    if made.ascii_only:
        why = "LC_ALL, LC_CTYPE or LANG says that the terminal knows no UTF-8, or ASCII was asked for"
        yield Finding("note", f"the control centre draws with ASCII only: {why}")
