"""What the doctor finds of the files: rights, room, what was set aside, half-written settings. Changes nothing."""

from __future__ import annotations

import difflib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway_core.secret import FILE as SECRET_FILE
from gateway_core.setting_docs import is_secret
from gateway_core.settings import Settings
from gateway_core.settings_sources import Layer, SettingsError, SettingsSources, environment_name
from llmgw_tui.findings import Finding

FULL_BYTES = 50_000_000
NEARLY_FULL_BYTES = 500_000_000
_NEAR = 0.88
"""How alike two names are, from 0 to 1, where one is taken for a slip of the other."""
_KNOWN = {environment_name(name).lower() for name in Settings.model_fields}
_SECRETS = {
    written.lower() for name in Settings.model_fields if is_secret(name) for written in (name, environment_name(name))
}
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def folder_findings(folder: Path) -> Iterator[Finding]:
    """The data folder: whether it can be used, who can look into it, what lies there after damage, and the room."""
    if not os.path.lexists(folder):
        yield from _missing(folder)
        return
    if not folder.is_dir():
        yield Finding("fail", f"{folder} is not a folder, so nothing can be kept. Give another one with --data-dir.")
        return
    yield from _rights(folder)
    yield from _set_aside(folder)
    yield from _room(folder)


def _missing(folder: Path) -> Iterator[Finding]:
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        yield Finding("ok", f"data folder {folder}, which the first start makes")
        yield from _room(above)
    else:
        yield Finding("fail", f"{folder} cannot be made: {above} is not yours to write in. Give another --data-dir.")


def _rights(folder: Path) -> Iterator[Finding]:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        why = "the ledger cannot be written, and nothing paid is called"
        yield Finding("fail", f"{folder} is not writable for you: {why}. Make it yours, or give another --data-dir.")
    else:
        yield Finding("ok", f"data folder {folder}")
    if folder.stat().st_mode & _OTHERS:
        why = "they hold your prompts, answers and the key"
        yield Finding("note", f"others can look into {folder}, and {why}; close it with: chmod 700 {folder}")
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_mode & _OTHERS:
            level = "fail" if path.name == SECRET_FILE else "note"
            what = "the key that spends your money is in it" if level == "fail" else "it holds what is yours alone"
            yield Finding(level, f"others may open {path}: {what}. Close it with: chmod 600 {path}")
        if not os.access(path, os.R_OK | os.W_OK):
            yield Finding("fail", f"{path} is not writable for you: llmgw cannot go on with it. Make it yours.")


def _set_aside(folder: Path) -> Iterator[Finding]:
    for path in sorted(folder.glob("*.suspect")):
        what = path.name.removesuffix(".suspect")
        yield Finding("fail", f"damage was met in {what}. Restart llmgw: it checks all of it, and sets it aside.")
    for path in sorted((*folder.glob("*.corrupt-*"), *folder.glob("*.unreadable*"))):
        if not path.name.endswith(("-wal", "-shm")):
            yield Finding("note", f"{path.name} was damaged and set aside: look at it or delete it; llmgw never does")


def _room(folder: Path) -> Iterator[Finding]:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if free < NEARLY_FULL_BYTES:
        level, word = ("fail", "full") if free < FULL_BYTES else ("note", "nearly full")
        why = "paid tiers stop when the ledger cannot be written"
        yield Finding(
            level, f"the disk of {folder} is {word}, {free // 1_000_000} MB are left: {why}. Free some space."
        )


def settings_findings(sources: SettingsSources) -> Iterator[Finding]:
    """The files that settings come from: those that others can read a key in, and names that are set to nothing."""
    try:
        layers = sources.layers()
    except SettingsError:
        layers = sources.layers(skip_unreadable=True)  # what is wrong with it is told where all settings are read
    for layer in layers:
        if layer.file is None or not layer.values:
            continue
        if (secrets := _secrets_in(layer)) and layer.file.stat().st_mode & _OTHERS:
            why = f"others may open {layer.file}, with {', '.join(secrets)} in it"
            yield Finding("fail", f"{why}: they can spend your money. Close it with: chmod 600 {layer.file}")
        if layer.holds_variables:
            yield from _variables(layer)


def _secrets_in(layer: Layer) -> list[str]:
    found = [str(name) for name, value in layer.values.items() if value and str(name).lower() in _SECRETS]
    entries = layer.values.get("providers")
    listed = entries.values() if isinstance(entries, Mapping) else entries if isinstance(entries, list) else ()
    if any(isinstance(entry, Mapping) and entry.get("api_key") for entry in listed):
        found.append("the key of a provider")
    return found


def _variables(layer: Layer) -> Iterator[Finding]:
    """A name without a value, and one that is nearly a setting's: a slip of the hand, or a file that was cut off."""
    for name, value in layer.values.items():
        word = str(name).lower()
        if value is None and any(known.startswith(word) for known in _KNOWN):
            yield Finding(
                "fail", f"{layer.file}: {name} has no '=' and no value: it may be half written. Mend that line."
            )
        elif word not in _KNOWN and (near := difflib.get_close_matches(word, _KNOWN, 1, _NEAR)):
            yield Finding("note", f"{layer.file} sets {name}, which llmgw ignores: did you mean {near[0].upper()}?")
