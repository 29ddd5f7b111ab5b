"""Where settings come from, and which wins: defaults < config.yaml < .env < environment < flags.

Nothing dear is imported here: `llmgw status` has to find the gateway in a fraction of the time that all settings take.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""Where this machine reaches a gateway that listens everywhere."""

_OWN_NAMES = {"host": "LLMGW_HOST", "port": "LLMGW_PORT", "data_dir": "LLMGW_DATA_DIR"}
"""In the environment their plain names mean other programs."""
STRUCTURED = frozenset({"prices", "unknown_price", "policy_patterns", "providers"})
"""What the environment and ``.env`` hold as JSON."""


class SettingsError(ValueError):
    """The settings cannot be used; the message names the setting and what it may be."""


class Found(NamedTuple):
    """A value as it was written, and the place it was written in: ``flag``, ``environment``, or a file's path."""

    value: object
    place: str


class Place(NamedTuple):
    """What is needed to ask a gateway something. ``key`` is the one that is configured, if one is."""

    host: str
    port: int
    data_dir: Path
    key: str | None

    @property
    def address(self) -> str:
        return address_at(self.host, self.port)


def address_at(host: str, port: int) -> str:
    """The URL at which this machine reaches what listens on ``host`` and ``port``."""
    reached = ANY_HOST.get(host, host)
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"


def environment_name(setting: str) -> str:
    """How the environment calls a setting."""
    return _OWN_NAMES.get(setting, setting.upper())


def default_data_dir() -> Path:
    """Where the ledger, the caches and the key live when nothing else is said."""
    import platformdirs

    return Path(platformdirs.user_data_dir("llmgw", appauthor=False))


def default_config_file() -> Path:
    """Where ``config.yaml`` is looked for when nothing else is said."""
    import platformdirs

    return Path(platformdirs.user_config_dir("llmgw", appauthor=False)) / "config.yaml"


class SettingsSources:
    """The places one process reads its settings from, read anew at each call.

    ``config_file`` is ``--config``; without it ``LLMGW_CONFIG``, then the default place, which may be missing.
    ``flags`` win over everything; those that are None count as not given.
    """

    def __init__(self, config_file: Path | None = None, **flags: Any) -> None:
        named = config_file or (Path(value) if (value := os.environ.get("LLMGW_CONFIG")) else None)
        self._must_exist = named is not None
        self.config_file = (named or default_config_file()).absolute()
        self._dotenvs = tuple(dict.fromkeys((self.config_file.parent / ".env", Path(".env").absolute())))
        self._flags = {name: value for name, value in flags.items() if value is not None}

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that is read, whether it is there or not."""
        return (self.config_file, *self._dotenvs)

    @property
    def dotenvs(self) -> tuple[Path, ...]:
        """The ``.env`` files; a later one wins."""
        return self._dotenvs

    @property
    def flags(self) -> Mapping[str, Any]:
        """What the command line sets, by the field's name."""
        return self._flags

    @property
    def keymap_file(self) -> Path:
        """Where the control centre's keys are changed: beside the configuration."""
        return self.config_file.with_name("keymap.yaml")

    def configured(self) -> Mapping[object, object]:
        """What ``config.yaml`` holds; empty where there is none. Raises :class:`SettingsError`."""
        if self.config_file.is_file():
            return _read_yaml(self.config_file)
        if self._must_exist:
            raise SettingsError(f"There is no configuration file {self.config_file}.")
        return {}

    def variable(self, name: str) -> str | None:
        """An environment variable, or what ``.env`` says in its place; None where both are missing or blank."""
        values = (os.environ.get(name), *(values.get(name) for _, values in reversed(self._dotenv_values())))
        return next((value.strip() for value in values if value and value.strip()), None)

    def found(self, names: Iterable[str]) -> dict[str, tuple[Found, ...]]:
        """Where each of ``names`` is set, the winner first; what is set nowhere is left out.

        An empty variable counts as not set, and the environment's names are the same in small letters. Raises
        :class:`SettingsError`.
        """
        configured = self.configured()
        variables = [("environment", _lowered(os.environ))]
        variables += [(str(file), _lowered(values)) for file, values in reversed(self._dotenv_values())]
        found: dict[str, tuple[Found, ...]] = {}
        for name in names:
            known_as = environment_name(name).lower()
            here = [Found(self._flags[name], "flag")] if name in self._flags else []
            here += [Found(_value(name, values[known_as]), at) for at, values in variables if values.get(known_as)]
            if name in configured:
                here.append(Found(configured[name], str(self.config_file)))
            if here:
                found[name] = tuple(here)
        return found

    def place(self) -> Place:
        """Where the configured gateway is, and its key. Raises :class:`SettingsError`."""
        found = {name: at[0].value for name, at in self.found(("host", "port", "data_dir", "gateway_secret")).items()}
        key = found.get("gateway_secret")
        return Place(
            str(found.get("host", DEFAULT_HOST)),
            _port(found.get("port", DEFAULT_PORT)),
            Path(str(found["data_dir"])) if "data_dir" in found else default_data_dir(),
            None if key is None else str(key),
        )

    def _dotenv_values(self) -> list[tuple[Path, Mapping[str, str | None]]]:
        """The files that are there, the winner last."""
        files = [file for file in self._dotenvs if file.is_file()]
        if not files:
            return []
        from dotenv import dotenv_values

        try:
            return [(file, dotenv_values(file)) for file in files]
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"The settings cannot be read: {error}") from None


def merged(found: Iterable[Found]) -> object:
    """The value in force. Mappings of several places are laid over each other, entry by entry."""
    values = [item.value for item in found]
    result = values[0]
    for below in values[1:]:
        if not isinstance(result, Mapping) or not isinstance(below, Mapping):
            break
        result = _laid_over(below, result)
    return result


def _laid_over(below: Mapping[object, object], above: Mapping[object, object]) -> dict[object, object]:
    both = dict(below)
    for name, value in above.items():
        under = both.get(name)
        both[name] = _laid_over(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return both


def _lowered(values: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name.lower(): value for name, value in values.items()}


def _value(name: str, written: str | None) -> object:
    if name not in STRUCTURED or written is None:
        return written
    import json

    try:
        return json.loads(written)
    except ValueError:
        raise SettingsError(f"{environment_name(name)} must be JSON in the environment and in .env.") from None


def _port(value: object) -> int:
    try:
        port = int(str(value))
    except ValueError:
        port = -1
    if not 0 <= port <= 65_535:
        raise SettingsError(f"{environment_name('port')}: must be a whole number from 0 to 65535")
    return port


def _read_yaml(file: Path) -> Mapping[object, object]:
    import yaml

    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise SettingsError(
            f"{file} cannot be read as YAML: {where}{getattr(error, 'problem', None) or 'bad syntax'}"
        ) from None
    except (UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{file} cannot be read as YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{file} must hold settings as 'name: value' lines.")
    return content
