"""``llmgw labels``: what the router learns from, of the running gateway or of a data folder that none has open."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gateway_core.learning import aside
from gateway_core.learning.lines import NoLabel, line_of, read_lines
from gateway_core.model import CommandResult, JsonObject
from gateway_core.settings import Settings
from gateway_core.store.database import FILE_NAME
from gateway_core.store.errors import StoreError
from llmgw_tui.reach import asked_gateway, gateway_answers
from llmgw_tui.source_http import HttpSource, Unreachable
from llmgw_tui.tables import print_table
from llmgw_tui.telling import complain, print_json, tell
from llmgw_tui.text import duration, fit, one_line, preview

AT_ONCE = 200
"""Labels of one message to the gateway: 200 of the longest prompts are two megabytes."""
PROMPT_CELLS = 60
SHOWN = 50


async def labels(settings: Settings, arguments: argparse.Namespace) -> int:
    """Runs ``list``, ``export``, ``import`` or ``forget``; 1 when it failed, 2 for wrong use."""
    if arguments.action == "forget" and not arguments.yes:
        complain("forgetting the labels cannot be undone, and what was learned from them goes too: add --yes.")
        return 2
    lines: list[object] = []
    if arguments.action == "import":
        try:
            lines = _read(arguments.file)
        except (OSError, NoLabel, UnicodeDecodeError) as error:
            why = error if isinstance(error, NoLabel) else getattr(error, "strerror", None) or "it is not UTF-8"
            return complain(f"{arguments.file}: {why}. Nothing was taken in.")
    try:
        if not await gateway_answers(settings):
            return await _aside(settings, arguments, lines)
        async with asked_gateway(settings) as source:
            return 1 if source is None else await _asked(source, arguments, lines)
    except (StoreError, Unreachable) as error:
        return complain(str(error))


def _read(file: str) -> list[object]:
    """The lines of a file, every one of them a label. Raises ``OSError``, ``UnicodeDecodeError`` and ``NoLabel``."""
    text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    lines: list[object] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            lines.append(json.loads(line))
        except ValueError:
            raise NoLabel(f"line {number} is not JSON") from None
        try:
            read_lines(lines[-1:], 0.0)
        except NoLabel as error:
            raise NoLabel(f"line {number}: {str(error).partition(': ')[2]}") from None
    if not lines:
        raise NoLabel("there is no label in it")
    return lines


async def _asked(source: HttpSource, arguments: argparse.Namespace, lines: Sequence[object]) -> int:
    """Of the running gateway."""
    match arguments.action:
        case "import":
            for at in range(0, len(lines), AT_ONCE):
                result = await source.run("import_labels", labels=lines[at : at + AT_ONCE])
                if not result.ok:
                    return complain(f"{at:,} labels taken in, then: {result.message}")
            return tell(_taken_in(len(lines)))
        case "forget":
            return tell(await source.run("forget_labels"))
        case _:
            found = [json.loads(line) for line in (await source.labels()).splitlines()]
            return _show(found, arguments)


async def _aside(settings: Settings, arguments: argparse.Namespace, lines: Sequence[object]) -> int:
    """Of the data folder, where no gateway runs."""
    if arguments.action == "import":
        return tell(_taken_in(await aside.take_in(settings, read_lines(lines, time.time()))))
    if not (settings.data_dir / FILE_NAME).exists():
        return complain(f"nothing was recorded in {settings.data_dir} yet.")
    if arguments.action == "forget":
        return tell(CommandResult(True, f"{await aside.forget(settings):,} labels forgotten."))
    return _show([line_of(label) for label in await aside.kept(settings)], arguments)


def _taken_in(many: int) -> CommandResult:
    return CommandResult(True, f"{many:,} label{'' if many == 1 else 's'} taken in.")


def _show(found: Sequence[JsonObject], arguments: argparse.Namespace) -> int:
    """All of them as lines of JSON, or the newest as a table."""
    if arguments.action == "export":
        for line in found:
            print_json(line)
        return 0
    if not found:
        print("There are no labels yet: + and - in the control centre say how an answer was.")
        return 0
    now = time.time()
    rows = [
        (
            str(one["tier"]) if one["weight"] else "-",
            fit(preview(str(one["prompt"])), PROMPT_CELLS).rstrip(),
            str(one["source"]),
            one_line(str(one["answered_by"] or "-")),
            duration(max(0.0, now - float(one["at"]))),
            f"{one['weight']:g}",
        )
        for one in found[:SHOWN]
    ]
    print_table([("needs", "asked", "because of", "answered by", "age", "weight"), *rows], left=4)
    if len(found) > len(rows):
        print(f"\n{len(found) - len(rows):,} more: llmgw labels export prints all.")
    return 0
