"""Where each setting is set: flags, environment, ``.env`` and ``config.yaml``; and names there that are no settings."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway_core.frozen import frozen
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles, guessed_name
from gateway_core.settings_sources import Layer, environment_name

_FLAGS = {"host": "--host", "port": "--port", "data_dir": "--data-dir"}
_OTHER_VARIABLES = ("LLMGW_CONFIG", "LLMGW_ASCII", "LLMGW_FPS", "LLMGW_THEME", "LLMGW_LOW_BANDWIDTH")
"""Variables that are ours and no settings."""
_NEAR = 0.88
"""How alike a variable's name must be to a setting's to be taken for a slip: a shell holds many names."""
_VARIABLE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")


@frozen
class Origin:
    """A place that sets a setting. ``source`` as :class:`SettingValue` names it, ``where`` for people."""

    source: str
    where: str


def origins(files: SettingsFiles, environment: Mapping[str, str] = os.environ) -> dict[str, tuple[Origin, ...]]:
    """For each field of ``Settings`` what sets it, the strongest first. Reads files; those that cannot be read set
    nothing here."""
    layers = files.layers(environment, skip_unreadable=True)
    lines = {layer.file: dict(_lines(layer)) for layer in layers if layer.file}
    found: dict[str, tuple[Origin, ...]] = {}
    for field in Settings.model_fields:
        here = [(layer, written[0]) for layer in layers if (written := layer.written(field))]
        found[field] = tuple(Origin(layer.source, _where(layer, name, lines)) for layer, name in here)
    return found


def _where(layer: Layer, name: str, lines: Mapping[Path, Mapping[str, int]]) -> str:
    """The flag, the variable, or the file and its line."""
    if layer.file:
        line = lines[layer.file].get(name)
        return f"{layer.file} line {line}" if line else str(layer.file)
    return _FLAGS.get(name, f"--{name.replace('_', '-')}") if layer.source == "flag" else name


def _lines(layer: Layer) -> Iterator[tuple[str, int]]:
    assert layer.file
    return _dotenv(layer.file) if layer.holds_variables else _yaml(layer.file)


def strange_names(files: SettingsFiles, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """What is set and is no setting, with the setting that is likely meant."""
    found = [
        f"{files.config_file} line {line}: {guessed_name(name)} is no setting of llmgw."
        for name, line in _yaml(files.config_file)
        if name not in Settings.model_fields
    ]
    for file in files.dotenvs:
        found += [f"{file} line {line}: {meant}" for variable, line in _dotenv(file) if (meant := _meant(variable))]
    found += [f"The environment: {meant}" for variable in environment if (meant := _meant(variable))]
    return tuple(found)


def _meant(variable: str) -> str:
    """What is said of a variable that is nearly a setting's; empty where it is one, or far from it."""
    known = [environment_name(field).lower() for field in Settings.model_fields]
    name = variable.lower()
    if name in known or variable.upper() in _OTHER_VARIABLES:
        return ""
    near = difflib.get_close_matches(name, known, 1, _NEAR) if abs(len(name)) < 40 else []
    return f"{variable} is no setting of llmgw; did you mean {near[0].upper()}?" if near else ""


def _dotenv(file: Path) -> Iterator[tuple[str, int]]:
    """Variables that a ``.env`` file gives a value, each with the number of its last line."""
    from dotenv import dotenv_values

    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return
    values = dotenv_values(file)
    lines = {match[1]: number for number, line in enumerate(text.splitlines(), 1) if (match := _VARIABLE.match(line))}
    for name, number in lines.items():
        if values.get(name):
            yield name, number


def _yaml(file: Path) -> Iterator[tuple[str, int]]:
    """Names that a configuration file gives a value, each with its line."""
    import yaml

    try:
        root = yaml.compose(file.read_text("utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return
    if isinstance(root, yaml.MappingNode):
        for key, _ in root.value:
            yield str(key.value), key.start_mark.line + 1
