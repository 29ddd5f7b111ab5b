"""Keys of the shell that a service would not have go into ``.env`` beside the configuration, never into a unit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv import dotenv_values

from llmgw_tui.service.manager import ServiceError

_HEAD = "# Keys and settings of llmgw that came from the shell when the service was installed. Read by llmgw itself.\n"


def hand_over(file: Path, environment: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """Writes those of ``names`` that are set into ``file``, for its owner alone, where there is no such file yet.

    Returns what is to be said; no value is. Raises :class:`ServiceError`.
    """
    found = {name: environment[name] for name in sorted(set(names)) if environment.get(name, "").strip()}
    if not found:
        return []
    if file.exists():
        missing = [name for name in found if name not in dotenv_values(file)]
        if not missing:
            return []
        return [f"Set in your shell and not in {file}, so the service will not know: {', '.join(missing)}."]
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(_HEAD + "".join(f"{name}={_quoted(value)}\n" for name, value in found.items()))
    except OSError as error:
        raise ServiceError(f"{file} cannot be written: {error.strerror}.") from None
    wrong = [name for name, value in found.items() if dotenv_values(file).get(name) != value]
    said = [f"{file} (for you alone) has what your shell has set: {', '.join(found)}."]
    return said + ([f"Look at {', '.join(wrong)} there: it cannot be written as it is."] if wrong else [])


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
