"""Replacing another program's configuration file: all or nothing, and never without a copy of what was there."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path

_PRIVATE = 0o600


class ConfigError(Exception):
    """The file is left as it is. The message says why and what to do."""


def replace_file(path: Path, before: bytes, content: bytes, now: datetime) -> Path | None:
    """Writes ``content`` to ``path``, readable by its owner only, and returns the copy of what was there.

    ``before`` is what the caller has read: if the file has changed since, nothing is written. A link keeps pointing to
    its file. Raises :class:`ConfigError`.
    """
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        owner = target.stat() if target.exists() else None
        backup = None
        if owner:
            backup = target.with_name(f"{target.name}.llmgw-{now:%Y%m%d-%H%M%S-%f}.bak")
            _create(backup, before, owner)
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        partial.unlink(missing_ok=True)
        try:
            _create(partial, content, owner)
            if (target.read_bytes() if target.exists() else b"") != before:
                if backup:
                    backup.unlink()
                raise ConfigError(f"{path} was changed by another program just now. Try again.")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        _sync(target.parent)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None
    return backup


def _create(path: Path, content: bytes, owner: os.stat_result | None) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "wb") as file:
        if owner:
            with contextlib.suppress(OSError):
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
