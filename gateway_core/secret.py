"""The key that clients send: the configured one, or one made at first start and kept with mode 0600."""

from __future__ import annotations

import ipaddress
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gateway_core.settings_sources import SettingsError

if TYPE_CHECKING:
    from gateway_core.settings import Settings

FILE = "secret"
SHORTEST_BEYOND_LOOPBACK = 20
"""Characters. A key that others on the network may try must not be one that can be guessed."""
_FEWEST_DIFFERENT = 8
_COMMON = (
    "changeme",
    "change-me",
    "password",
    "passw0rd",
    "secret",
    "12345678",
    "qwertz",
    "qwerty",
    "letmein",
    "example",
)


def gateway_secret(settings: Settings, *, create: bool = True) -> str | None:
    """The key in force. Without ``create`` None when none was made yet. Raises :class:`SettingsError`."""
    if settings.gateway_secret:
        return settings.gateway_secret.get_secret_value()
    found = kept_secret(settings.data_dir)
    return made(settings.data_dir / FILE, new_secret()) if found is None and create else found


def kept_secret(data_dir: Path) -> str | None:
    """The key that was made for a data folder; None when none was made yet. Raises :class:`SettingsError`."""
    return kept(data_dir / FILE)


def kept(path: Path) -> str | None:
    """The key in a file, whose mode is set right; None where there is none. Raises :class:`SettingsError`."""
    try:
        if found := path.read_text("utf-8").strip():
            with suppress(OSError):  # a read-only disk
                path.chmod(0o600)
            return found
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"The key in {path} cannot be read. Repair its mode, or set GATEWAY_SECRET.") from None
    return None


def new_secret(kind: str = "llmgw") -> str:
    """A key that nobody can guess: 192 random bits."""
    import secrets

    return f"{kind}-{secrets.token_urlsafe(24)}"


def made(path: Path, secret: str) -> str:
    """Writes a key beside its file and renames it, so that no half-written key is ever read; returns it."""
    new = path.with_name(f"{path.name}.new")
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


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def weakness(secret: str) -> str:
    """Why a key is too easy to guess for others on the network to be let try; empty where it is not."""
    if len(secret) < SHORTEST_BEYOND_LOOPBACK:
        return f"has fewer than {SHORTEST_BEYOND_LOOPBACK} characters"
    if len(set(secret)) < _FEWEST_DIFFERENT:
        return f"has fewer than {_FEWEST_DIFFERENT} different characters"
    rest = secret.lower()
    for word in _COMMON:
        rest = rest.replace(word, "")
    return (
        "is made of words that everybody tries first" if len(rest.strip("-_.!0123456789")) < _FEWEST_DIFFERENT else ""
    )
