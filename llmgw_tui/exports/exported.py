"""Makes an export of a kept request, and writes it where only its owner reads it."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from gateway_core.frozen import frozen
from gateway_core.model import RequestDetail, RequestParts
from llmgw_tui.exports.call import Call, call_of
from llmgw_tui.exports.curl import as_curl
from llmgw_tui.exports.json_text import json_text
from llmgw_tui.exports.python import as_python
from llmgw_tui.private_files import write_private

LARGE_CHARACTERS = 32_000
"""A longer body stands in a file of its own beside the curl command."""
_SUFFIXES = {"curl": ".sh", "python": ".py", "json": ".json"}
_UNSAFE = re.compile(r"[^\w-]")


@frozen
class Export:
    """``text`` stands alone; ``files`` are names and contents, the first one the main one."""

    text: str
    files: tuple[tuple[str, str], ...]


def export(detail: RequestDetail, parts: RequestParts | None, address: str, form: str) -> Export:
    """The request as ``curl``, ``python`` or ``json``. Raises :class:`~llmgw_tui.exports.call.NothingKept`.

    Takes some 10 ms for a large request: to be made in a thread.
    """
    name = _UNSAFE.sub("_", detail.row.id)[:80]
    main = name + _SUFFIXES[form]
    if form == "json":
        text = json_text({"request": asdict(detail), "wire": asdict(parts) if parts else None}) + "\n"
        return Export(text, ((main, text),))
    call = call_of(detail, parts, address)
    if form == "python":
        text = as_python(call)
        return Export(text, ((main, text),))
    return _curl(call, main, f"{name}.body.json")


def _curl(call: Call, main: str, body_name: str) -> Export:
    text = as_curl(call)
    if len(text) <= LARGE_CHARACTERS:
        return Export(text, ((main, text),))
    return Export(text, ((main, as_curl(call, body_name)), (body_name, json_text(call.body))))


def write(exported: Export, folder: Path) -> Path:
    """Writes the files, readable by their owner alone; returns the main one. Raises ``OSError``."""
    return [write_private(folder / name, text) for name, text in exported.files][0]
