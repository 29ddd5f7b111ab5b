"""Where settings come from, and which wins: defaults < config.yaml < .env < environment < flags.

Nothing dear is imported here: `llmgw status` has to find the gateway in a fraction of the time that all settings take.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
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

BAD_YAML = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What PyYAML 6 raises, besides ``YAMLError``, for a value that its tag or its form does not fit."""
_VARIABLES = ("environment", ".env")
_Read = Callable[[], Mapping[Any, object]]


class SettingsError(ValueError):
    """The settings cannot be used; the message names the setting and what it may be."""


class Found(NamedTuple):
    """A value as it was written, and the place it was written in: ``flag``, ``environment``, or a file's path."""

    value: object
    place: str


class Layer:
    """One of the places that settings are read from: ``flag``, ``environment``, ``.env`` or ``config.yaml``."""

    def __init__(self, source: str, values: Mapping[Any, object], file: Path | None = None) -> None:
        self.source = source
        self.values = values
        """As they are written there."""
        self.file = file

    @property
    def place(self) -> str:
        """A file's path, or the source."""
        return str(self.file or self.source)

    @property
    def holds_variables(self) -> bool:
        """Whether settings are called there as in the environment, in large or in small letters."""
        return self.source in _VARIABLES

    @cached_property
    def _variables(self) -> Mapping[str, tuple[str, object]]:
        return {name.lower(): (name, value) for name, value in self.values.items()}

    def written(self, setting: str) -> tuple[str, object] | None:
        """What a setting is called there, and its value; None where it is not set. An empty variable sets nothing."""
        if self.holds_variables:
            found = self._variables.get(environment_name(setting).lower())
            return found if found and found[1] else None
        return (setting, self.values[setting]) if setting in self.values else None


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
    """Where the ledger, the caches and the key live when nothing else is said.

    Raises :class:`SettingsError` for a user without a home, whose files would land in the folder llmgw is started in.
    """
    import platformdirs

    folder = Path(platformdirs.user_data_dir("llmgw", appauthor=False))
    if not folder.is_absolute():
        raise SettingsError("There is no home folder: set HOME, or name a data folder with --data-dir.")
    return folder


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
        self._texts: Mapping[Path, str] | None = None
        """What is read in place of the files, where that is another time's."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that is read, whether it is there or not."""
        return (self.config_file, *self._dotenvs)

    @property
    def dotenvs(self) -> tuple[Path, ...]:
        """The ``.env`` files; a later one wins."""
        return self._dotenvs

    @property
    def keymap_file(self) -> Path:
        """Where the control centre's keys are changed: beside the configuration."""
        return self.config_file.with_name("keymap.yaml")

    def configured(self) -> Mapping[object, object]:
        """What ``config.yaml`` holds; empty where there is none. Raises :class:`SettingsError`."""
        if (text := self._text(self.config_file)) is not None:
            return _read_yaml(self.config_file, text)
        if self._must_exist:
            raise SettingsError(f"There is no configuration file {self.config_file}.")
        return {}

    def variable(self, name: str) -> str | None:
        """An environment variable, or what ``.env`` says in its place; None where both are missing or blank."""
        for source, _, read in self._readers(os.environ):
            if source in _VARIABLES and (text := str(read().get(name) or "").strip()):
                return text
        return None

    def found(self, names: Iterable[str]) -> dict[str, tuple[Found, ...]]:
        """Where each of ``names`` is set, the winner first; what is set nowhere is left out.

        An empty variable counts as not set, and the environment's names are the same in small letters. Raises
        :class:`SettingsError`.
        """
        layers = self.layers()
        found: dict[str, tuple[Found, ...]] = {}
        for name in names:
            here = [(written[1], layer) for layer in layers if (written := layer.written(name))]
            if here:
                found[name] = tuple(Found(_value(name, value, layer), layer.place) for value, layer in here)
        return found

    def layers(
        self, environment: Mapping[str, str] = os.environ, *, skip_unreadable: bool = False
    ) -> tuple[Layer, ...]:
        """The places that settings are read from, the one that wins first.

        Raises :class:`SettingsError` for a file that cannot be read, unless such files are skipped.
        """
        layers = []
        for source, file, read in self._readers(environment):
            try:
                layers.append(Layer(source, read(), file))
            except SettingsError:
                if not skip_unreadable:
                    raise
        return tuple(layers)

    def _readers(self, environment: Mapping[str, str]) -> Iterator[tuple[str, Path | None, _Read]]:
        """This is the order of precedence."""
        yield "flag", None, lambda: self._flags
        yield "environment", None, lambda: environment
        for file in reversed(self._dotenvs):
            yield ".env", file, partial(self._dotenv, file)
        yield "config.yaml", self.config_file, self.configured

    def _dotenv(self, file: Path) -> Mapping[str, str | None]:
        text = self._text(file)
        return {} if text is None else _read_dotenv(file, text)

    def _text(self, file: Path) -> str | bytes | None:
        """What the file holds; None where there is none. Raises :class:`SettingsError`."""
        if self._texts is not None:
            return self._texts.get(file)
        try:
            return file.read_bytes() if file.is_file() else None
        except OSError as error:
            raise SettingsError(f"{file} cannot be read: {error.strerror}.") from None

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


def _value(name: str, written: object, layer: Layer) -> object:
    if name not in STRUCTURED or not layer.holds_variables:
        return written
    import json

    try:
        return json.loads(str(written))
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


def _read_dotenv(file: Path, content: str | bytes) -> Mapping[str, str | None]:
    from io import StringIO

    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    try:
        text = content if isinstance(content, str) else content.decode()
    except UnicodeDecodeError:
        raise SettingsError(f"{file} cannot be read: it is not UTF-8. Write it again.") from None
    for statement in parse_stream(StringIO(text)):
        if statement.error:  # dotenv would go on without it: a limit cut in half would be the default one
            line = statement.original.line
            raise SettingsError(f"{file} line {line} is no NAME=value, or its quotes have no end. Mend that line.")
    return dotenv_values(stream=StringIO(text))


def _read_yaml(file: Path, text: str | bytes) -> Mapping[object, object]:
    import yaml

    try:
        content = yaml.safe_load(text if isinstance(text, str) else text.decode())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise SettingsError(
            f"{file} cannot be read as YAML: {where}{getattr(error, 'problem', None) or 'bad syntax'}"
        ) from None
    except BAD_YAML as error:
        why = (
            "it is nested too deeply" if isinstance(error, RecursionError) else "a value is not what its form promises"
        )
        raise SettingsError(f"{file} cannot be read as YAML: {why}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{file} must hold settings as 'name: value' lines.")
    return content
