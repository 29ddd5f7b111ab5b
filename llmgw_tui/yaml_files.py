"""Reads the small YAML files beside the configuration. A mistake in one is told, and never stops the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway_core.settings_sources import BAD_YAML


def read_mapping(file: Path, shape: str) -> tuple[dict[str, Any], list[str]]:
    """What ``file`` holds by name, and what is wrong with it, each with its line where that is known.

    A name that stands twice counts as a mistake. ``shape`` says how a line looks.
    """
    import yaml

    try:
        text = file.read_text("utf-8")
        content = yaml.safe_load(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        return {}, [f"{file.name}:{where} {getattr(error, 'problem', None) or 'this is not YAML'}"]
    except (OSError, *BAD_YAML) as error:
        return {}, [f"{file.name} cannot be read: {error}"]
    if content is None:
        return {}, []
    if not isinstance(content, dict) or not isinstance(node, yaml.MappingNode):
        return {}, [f"{file.name} must hold '{shape}' lines."]
    lines = [(str(key.value), key.start_mark.line + 1) for key, _ in node.value]
    names = [name for name, _ in lines]
    twice = [f"{file.name} line {line}: {name} stands there twice." for name, line in lines if names.count(name) > 1]
    return {str(name): value for name, value in content.items()}, twice[1:]


def line_of(file: Path, name: str) -> int:
    """The line where ``name`` stands in the file, from 1; 0 when it cannot be found."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return 0
    return next((number for number, line in enumerate(lines, 1) if line.partition(":")[0].strip(" '\"") == name), 0)
