"""Where settings come from, and which wins: defaults < config.yaml < .env < environment < flags."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from gateway_core.settings import ProviderEntry, Settings, SettingsError, default_config_file

_WORDS = {
    "Field required": "is missing",
    "Extra inputs are not permitted": "is not known here",
    "Input should be a valid tuple": "must be a list",
    "String should match pattern '^[a-z0-9][a-z0-9._-]{0,39}$'": "must be small letters, digits, '.', '_' and '-'",
}


class SettingsFiles:
    """The places one process reads its settings from; :meth:`load` reads them again.

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

    def load(self) -> Settings:
        """The settings as the files are now. Raises :class:`SettingsError`."""
        here = self.config_file if self.config_file.is_file() else None
        if here is None and self._must_exist:
            raise SettingsError(f"There is no configuration file {self.config_file}.")
        if here:
            _check_names(here)
        configured = type("Settings", (Settings,), {"model_config": {**Settings.model_config, "yaml_file": here}})
        try:
            loaded: Settings = configured(_env_file=self._dotenvs, **self._flags)
        except ValidationError as error:
            raise SettingsError(_explain(error, here)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"The settings cannot be read: {error}") from None
        return loaded.model_copy(update={"providers": tuple(map(self._with_key, loaded.providers))})

    def _with_key(self, entry: ProviderEntry) -> ProviderEntry:
        """The entry with the key that its ``api_key_env`` names."""
        from dotenv import dotenv_values

        name = entry.api_key_env
        if name is None:
            return entry
        values = [os.environ.get(name), *(dotenv_values(file).get(name) for file in reversed(self._dotenvs))]
        key = next((value.strip() for value in values if value and value.strip()), None)
        return entry.model_copy(update={"api_key": SecretStr(key) if key else None})


def load_settings(config_file: Path | None = None, **flags: Any) -> Settings:
    """The settings in force; see :class:`SettingsFiles`. Raises :class:`SettingsError`."""
    return SettingsFiles(config_file, **flags).load()


def _read(file: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(file.read_text("utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise SettingsError(
            f"{file} cannot be read as YAML: {where}{getattr(error, 'problem', None) or 'bad syntax'}"
        ) from None
    except (UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{file} cannot be read as YAML: {error}") from None


def _check_names(file: Path) -> None:
    content = _read(file)
    if content is None:
        return
    if not isinstance(content, dict):
        raise SettingsError(f"{file} must hold settings as 'name: value' lines.")
    unknown = [str(name) for name in content if name not in Settings.model_fields]
    if unknown:
        raise SettingsError(f"{file} sets {', '.join(map(guessed_name, unknown))}, which llmgw does not know.")


def guessed_name(unknown: str) -> str:
    """A name that is no setting's, with the nearest that is one."""
    near = difflib.get_close_matches(unknown.lower(), Settings.model_fields, 1, 0.7)
    return f"{unknown} (did you mean {near[0]}?)" if near else unknown


def _explain(error: ValidationError, file: Path | None) -> str:
    """One line a setting. The values are left out: one of them may be a key."""
    return "\n".join(
        f"{_where(problem['loc'], file)}{_what(problem['msg'])}" for problem in error.errors(include_input=False)
    )


def _what(message: str) -> str:
    message = re.sub(r"valid dictionary or instance of \w+", "set of 'name: value' entries", message)
    return _WORDS.get(message, message.removeprefix("Value error, "))


def _where(location: tuple[int | str, ...], file: Path | None) -> str:
    """The setting's name; of an entry of ``providers`` the name it was given."""
    if not location:
        return ""
    setting, *rest = location
    if setting == "providers" and rest and isinstance(rest[0], int):
        return f"PROVIDERS: {': '.join([_entry_name(rest[0], file), '.'.join(map(str, rest[1:]))]).strip(': ')}: "
    return f"{'.'.join(map(str, location)).upper()}: "


def _entry_name(index: int, file: Path | None) -> str:
    content = _read(file) if file else None
    entries = content.get("providers") if isinstance(content, dict) else None
    if isinstance(entries, dict) and index < len(entries):
        return str(list(entries)[index])[:60]
    if isinstance(entries, list) and index < len(entries) and isinstance(entries[index], dict):
        return str(entries[index].get("name", f"entry {index + 1}"))[:60]
    return f"entry {index + 1}"
