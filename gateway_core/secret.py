"""The key that clients send: the configured one, or one made at first start and kept with mode 0600."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gateway_core.settings_sources import SettingsError

if TYPE_CHECKING:
    from gateway_core.settings import Settings

FILE = "secret"


def gateway_secret(settings: Settings, *, create: bool = True) -> str | None:
    """The key in force. Without ``create`` None when none was made yet. Raises :class:`SettingsError`."""
    if settings.gateway_secret:
        return settings.gateway_secret.get_secret_value()
    found = kept_secret(settings.data_dir)
    return _make(settings.data_dir / FILE) if found is None and create else found


def kept_secret(data_dir: Path) -> str | None:
    """The key that was made for a data folder; None when none was made yet. Raises :class:`SettingsError`."""
    path = data_dir / FILE
    try:
        if found := path.read_text("utf-8").strip():
            path.chmod(0o600)
            return found
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"The key in {path} cannot be read. Repair its mode, or set GATEWAY_SECRET.") from None
    return None


def _make(path: Path) -> str:
    """Writes a new key beside the file and renames it, so that no half-written key is ever read."""
    import secrets

    secret = f"llmgw-{secrets.token_urlsafe(24)}"
    new = path.with_name(f"{FILE}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secret)
        new.replace(path)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written ({error.strerror}). Set GATEWAY_SECRET, or another folder with --data-dir."
        ) from None
    return secret


def fingerprint(secret: str) -> str:
    """A short name for a caller's key that gives nothing of it away."""
    import hashlib

    return hashlib.sha256(secret.encode()).hexdigest()[:12]
