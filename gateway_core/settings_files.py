"""All settings as the files, the environment and the flags have them now, and what is said of a bad one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from gateway_core.settings import ProviderEntry, Settings
from gateway_core.settings_sources import SettingsError, SettingsSources, environment_name, merged

_WORDS = {
    "Field required": "is missing",
    "Extra inputs are not permitted": "is not known here",
    "Input should be a valid tuple": "must be a list",
    "String should match pattern '^[a-z0-9][a-z0-9._-]{0,39}$'": "must be small letters, digits, '.', '_' and '-'",
}


class SettingsFiles(SettingsSources):
    """The places one process reads its settings from; :meth:`load` reads them again."""

    trouble = ""
    """Why the settings that worked last are in force, where they are."""

    def texts(self) -> dict[Path, str]:
        """What each file holds that is there. Raises :class:`SettingsError`."""
        try:
            return {path: path.read_text("utf-8") for path in self.paths if path.is_file()}
        except (OSError, UnicodeDecodeError):
            raise SettingsError("A file of the configuration cannot be read.") from None

    def as_of(self, texts: Mapping[Path, str]) -> SettingsFiles:
        """The same places, where the files held ``texts``; flags and environment are as they are now."""
        then = copy(self)
        then._texts = texts
        return then

    def load(self) -> Settings:
        """The settings as the files are now. Raises :class:`SettingsError`."""
        unknown = [str(name) for name in self.configured() if name not in Settings.model_fields]
        if unknown:
            raise SettingsError(
                f"{self.config_file} sets {', '.join(map(guessed_name, unknown))}, which llmgw does not know."
            )
        values = {name: merged(found) for name, found in self.found(Settings.model_fields).items()}
        try:
            loaded = Settings.model_validate(values)
        except ValidationError as error:
            raise SettingsError(_explain(error, values.get("providers"))) from None
        return loaded.model_copy(update={"providers": tuple(map(self._with_key, loaded.providers))})

    def _with_key(self, entry: ProviderEntry) -> ProviderEntry:
        """The entry with the key that its ``api_key_env`` names."""
        if entry.api_key_env is None:
            return entry
        key = self.variable(entry.api_key_env)
        return entry.model_copy(update={"api_key": SecretStr(key) if key else None})


def guessed_name(unknown: str) -> str:
    """A name that is no setting's, with the nearest that is one."""
    near = difflib.get_close_matches(unknown.lower(), Settings.model_fields, 1, 0.7)
    return f"{unknown} (did you mean {near[0]}?)" if near else unknown


def load_settings(config_file: Path | None = None, **flags: Any) -> Settings:
    """The settings in force; see :class:`SettingsFiles`. Raises :class:`SettingsError`."""
    return SettingsFiles(config_file, **flags).load()


def _explain(error: ValidationError, providers: object) -> str:
    """One line a setting. The values are left out: one of them may be a key."""
    return "\n".join(
        f"{_where(problem['loc'], providers)}{_what(problem['msg'])}" for problem in error.errors(include_input=False)
    )


def _what(message: str) -> str:
    message = re.sub(r"valid dictionary or instance of \w+", "set of 'name: value' entries", message)
    return _WORDS.get(message, message.removeprefix("Value error, "))


def _where(location: tuple[int | str, ...], providers: object) -> str:
    """The setting's name; of an entry of ``providers`` the name it was given."""
    if not location:
        return ""
    setting, *rest = location
    if setting == "providers" and rest and isinstance(rest[0], int):
        return f"PROVIDERS: {': '.join([_entry_name(rest[0], providers), '.'.join(map(str, rest[1:]))]).strip(': ')}: "
    return f"{'.'.join([environment_name(str(setting)), *map(str, rest)]).upper()}: "


def _entry_name(index: int, entries: object) -> str:
    if isinstance(entries, dict) and index < len(entries):
        return str(list(entries)[index])[:60]
    if isinstance(entries, list) and index < len(entries) and isinstance(entries[index], dict):
        return str(entries[index].get("name", f"entry {index + 1}"))[:60]
    return f"entry {index + 1}"
