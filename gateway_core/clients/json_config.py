"""Changing another program's JSON settings: what is not changed stays, in its order and with its indentation."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway_core.clients.config_file import ConfigError, replace_file
from gateway_core.frozen import frozen
from gateway_core.model import JsonObject

Change = Callable[[JsonObject], tuple[str, ...]]
"""Changes the settings in place; returns what a person should know about it. May raise :class:`ConfigError`."""


@frozen
class MergeResult:
    """What became of the file. ``backup`` is None where there was nothing to keep; ``notes`` are for a person."""

    path: Path
    changed: bool
    backup: Path | None
    notes: tuple[str, ...]


def change_json(path: Path, change: Change, now: datetime, *, otherwise: str) -> MergeResult:
    """Changes the file. Whatever was there is kept beside it first, by the time ``now``.

    A file that already says it is left alone. Raises :class:`ConfigError` when it cannot be read or written, or is not
    plain JSON; ``otherwise`` then says what a person can do instead.
    """
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        before = b""
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    config = _parse(path, before, otherwise)
    notes = change(config)
    if config == _parse(path, before, otherwise):
        return MergeResult(path, False, None, notes)
    after = json.dumps(config, indent=_indent(before), ensure_ascii=False) + "\n"
    try:
        content = after.encode("utf-8")
    except UnicodeEncodeError:
        raise ConfigError(f"{path} holds text that is not valid Unicode.") from None
    return MergeResult(path, True, replace_file(path, before, content, now), notes)


def render(block: JsonObject) -> str:
    """A block of settings as it can be pasted."""
    return json.dumps(block, indent=2, ensure_ascii=False) + "\n"


def _parse(path: Path, content: bytes, otherwise: str) -> JsonObject:
    if not content.strip():
        return {}
    try:
        config = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise ConfigError(f"{path} is not plain JSON{otherwise}") from None
    if not isinstance(config, dict):
        raise ConfigError(f"{path} does not hold settings.")
    return config


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _not_json(constant: str) -> Any:
    raise ValueError(constant)


def _indent(content: bytes) -> int | str:
    """The indentation of the file's first indented line; two spaces, as OpenClaw writes, where there is none."""
    for line in content.splitlines()[1:]:
        if spaces := line[: len(line) - len(line.lstrip())]:
            return spaces.decode() if b"\t" in spaces else len(spaces)
    return 2
