"""The configuration that worked last, for a start with one that does not: a limit may stand in the part that is broken.

A file that a person has half written is neither guessed at nor moved. Defaults in its place would not be safe: other
limits, no policy, another key, another data folder. So llmgw goes on as it was, as it does when a file breaks while it
runs, and says so until the file is mended. Without a copy, or where something else is wrong (a flag, the environment, a
named file that is gone), it does not start.

The copy holds the text of the files, the keys in them too, in the data folder with mode 0600, as the gateway's own key.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from gateway_core.secret import kept, made
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles
from gateway_core.settings_sources import SettingsError, default_data_dir

FILE = "last-configuration.json"


def remember(files: SettingsFiles, folder: Path) -> None:
    """Keeps what the files hold now, if it works. A disk that does not take it costs nothing but the copy."""
    with suppress(SettingsError):
        texts = files.texts()
        if not texts and not (folder / FILE).exists():
            return
        files.as_of(texts).load()
        content = {"config_file": str(files.config_file), "texts": {str(path): text for path, text in texts.items()}}
        text = json.dumps(content)
        if kept(folder / FILE) != text:
            made(folder / FILE, text)


def load_or_last(files: SettingsFiles) -> Settings:
    """The settings as the files are now, or as they worked last: then ``files.trouble`` says why. Raises
    :class:`SettingsError`."""
    try:
        return files.load()
    except SettingsError as error:
        last = last_settings(files)
        if last is None:
            raise
        problem = "; ".join(str(error).splitlines())
        files.trouble = f"The configuration cannot be used, the one that worked last is in force: {problem}"
        return last


def last_settings(files: SettingsFiles) -> Settings | None:
    """What worked last with these files and this data folder; None where nothing is known to have."""
    with suppress(SettingsError, ValueError, LookupError, TypeError, AttributeError):
        folder = _folder(files)
        told = json.loads(kept(folder / FILE) or "")
        texts = {Path(path): str(text) for path, text in told["texts"].items()}
        if told["config_file"] != str(files.config_file) or (files.config_file in texts) > files.config_file.exists():
            return None
        found = files.as_of(texts).load()
        return found if found.data_dir == folder else None
    return None


def _folder(files: SettingsFiles) -> Path:
    for layer in files.layers(skip_unreadable=True):
        if written := layer.written("data_dir"):
            return Path(str(written[1]))
    return default_data_dir()
