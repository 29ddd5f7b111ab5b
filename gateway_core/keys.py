"""Which keys open the gateway, and how far: the secret, the one before it for a while, the token of monitors.

A new secret is another key of the same caller: conversations, idempotency keys and cached answers stay theirs. What is
changed by hand, without ``llmgw secret rotate``, is a new caller, and the key before it ends at once.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, field, replace
from datetime import datetime
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from gateway_core.frozen import frozen
from gateway_core.secret import FILE, fingerprint, gateway_secret, is_loopback, kept, made, new_secret, weakness
from gateway_core.settings_sources import SettingsError

if TYPE_CHECKING:
    from gateway_core.settings import Settings

MONITOR_FILE = "monitor-token"
ROTATION_FILE = "secret.rotation"
GRACE_S = 86_400.0
"""How long the key before the new one is taken when nothing else is said."""
_MOST_FINGERPRINTS = 50


class Access(Enum):
    """How far a key opens the gateway."""

    FULL = "full"
    MONITOR = "monitor"
    """To look at sums and states, without a prompt or an answer."""


@frozen
class Rotation:
    """Whose keys the secrets of before and now are, as it is written beside the key.

    ``fingerprints`` are of the secrets of one caller, the newest last. ``former`` is the secret before it, taken until
    ``until`` (Unix seconds); empty where none is.
    """

    caller: str
    fingerprints: tuple[str, ...]
    former: str = ""
    until: float = 0.0


@frozen
class Keys:
    """The keys in force. ``caller`` is how the holder of the secret is called in caches and records."""

    secret: str
    caller: str
    former: str = ""
    until: float = 0.0
    """When ``former`` ends, in Unix seconds."""
    monitor: str = ""
    _digests: tuple[bytes, bytes, bytes] = field(init=False, repr=False, compare=False)
    """Of the three: every request is compared with them."""

    def __post_init__(self) -> None:
        each = (_digest(self.secret), _digest(self.former), _digest(self.monitor))
        object.__setattr__(self, "_digests", each)

    def access(self, key: str, now: float) -> Access | None:
        """How far ``key`` opens the gateway at ``now``. Takes the same time whatever is wrong with the key."""
        digest, (secret, former, monitor) = _digest(key), self._digests
        is_secret = hmac.compare_digest(digest, secret)
        is_former = hmac.compare_digest(digest, former) and bool(self.former) and now < self.until
        is_monitor = hmac.compare_digest(digest, monitor) and bool(self.monitor)
        if is_secret or is_former:
            return Access.FULL
        return Access.MONITOR if is_monitor else None

    @property
    def all(self) -> Iterator[str]:
        yield from (key for key in (self.secret, self.former, self.monitor) if key)


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()


def caller_of(settings: Settings) -> str:
    """How the holder of the secret in force is called; empty where no secret was made yet."""
    secret = gateway_secret(settings, create=False)
    return _keys(secret, _rotation(settings.data_dir), "").caller if secret else ""


def read_keys(settings: Settings, *, create: bool = True) -> Keys:
    """The keys in force now; with ``create`` those that are missing are made. Raises :class:`SettingsError`, also for
    keys that are too easy to guess where others on the network can try them."""
    secret = gateway_secret(settings, create=create)
    if secret is None:
        raise SettingsError("No key was made yet: it is made when llmgw starts.")
    keys = _keys(secret, _rotation(settings.data_dir), monitor_token(settings, create=create) or "")
    if problem := _broken(settings, keys) or exposed(settings, keys):
        raise SettingsError(problem)
    return keys


def monitor_token(settings: Settings, *, create: bool = True) -> str | None:
    """The read-only token: the configured one, or one that was made. None on a disk that cannot be written: there is
    no monitor then. Raises :class:`SettingsError`."""
    if settings.monitor_token:
        return settings.monitor_token.get_secret_value()
    path = settings.data_dir / MONITOR_FILE
    found = kept(path)
    if found is None and create:
        with suppress(SettingsError):
            return made(path, new_secret("llmgw-monitor"))
    return found


def _broken(settings: Settings, keys: Keys) -> str:
    """What no client could ever send in a header: a file that was edited or pasted with a line too many."""
    made_ones = settings.data_dir / FILE, settings.data_dir / MONITOR_FILE
    names = "GATEWAY_SECRET", "MONITOR_TOKEN"
    for name, file, configured, key in zip(
        names, made_ones, (settings.gateway_secret, settings.monitor_token), (keys.secret, keys.monitor), strict=True
    ):
        if not key.isprintable():
            mend = "Write it on one line." if configured else "Delete the file: the next start makes another."
            what = f"{name} has" if configured else f"The key in {file} has"
            return f"{what} a line break or another control character in it: no client can send it. {mend}"
    return ""


def exposed(settings: Settings, keys: Keys) -> str:
    """What is wrong with these keys where the gateway listens; empty where nothing is."""
    if keys.monitor == keys.secret:
        return "MONITOR_TOKEN is the same as GATEWAY_SECRET: a token that may only look needs to be another."
    if is_loopback(settings.host):
        return ""
    for name, key in (("GATEWAY_SECRET", keys.secret), ("MONITOR_TOKEN", keys.monitor)):
        if key and (why := weakness(key)):
            return (
                f"LLMGW_HOST is {settings.host}, so others on the network can try keys, and {name} {why}. Leave it "
                "empty to have one made, or listen on 127.0.0.1."
            )
    return ""


def _keys(secret: str, rotation: Rotation | None, monitor: str) -> Keys:
    name = fingerprint(secret)
    if rotation is None or name not in rotation.fingerprints:
        return Keys(secret, name, monitor=monitor)
    is_newest = name == rotation.fingerprints[-1] and rotation.former != secret
    former, until = (rotation.former, rotation.until) if is_newest else ("", 0.0)
    return Keys(secret, rotation.caller, former, until, monitor)


def rotate(settings: Settings, grace_s: float, now: float) -> Keys:
    """Has a new secret made, and the one before it taken for another ``grace_s`` seconds; the keys then.

    A secret that is configured cannot be replaced here: its successor counts as soon as it is configured in its place.
    Raises :class:`SettingsError`.
    """
    before, secret = read_keys(settings), new_secret()
    known = _rotation(settings.data_dir)
    fingerprints = known.fingerprints if known and known.caller == before.caller else (before.caller,)
    names = tuple(dict.fromkeys((*fingerprints, fingerprint(before.secret))))[-_MOST_FINGERPRINTS:]
    former, until = (before.secret, now + grace_s) if grace_s > 0 else ("", 0.0)
    _write(settings.data_dir, Rotation(before.caller, (*names, fingerprint(secret)), former, until))
    if not settings.gateway_secret:
        made(settings.data_dir / FILE, secret)
    return replace(before, secret=secret, former=former, until=until)


def end_former(settings: Settings) -> bool:
    """Has only the newest secret taken from now on; whether there was another. Raises :class:`SettingsError`."""
    rotation = _rotation(settings.data_dir)
    if rotation is None or not rotation.former:
        return False
    _write(settings.data_dir, replace(rotation, former="", until=0.0))
    return True


def _rotation(data_dir: Path) -> Rotation | None:
    text = kept(data_dir / ROTATION_FILE)
    if text is None:
        return None
    try:
        told = json.loads(text)
        names = tuple(str(name) for name in told["fingerprints"])
        return Rotation(str(told["caller"]), names, str(told["former"]), float(told["until"]))
    except (ValueError, TypeError, KeyError):
        return None


def _write(data_dir: Path, rotation: Rotation) -> None:
    made(data_dir / ROTATION_FILE, json.dumps(asdict(rotation)))


class KeyRing:
    """The keys of a running gateway, read again when something has changed.

    ``hide`` is told every key, to be kept out of what is shown and written; ``now`` is Unix time.
    """

    def __init__(self, settings: Settings, hide: Callable[[str], None], now: Callable[[], float]) -> None:
        self._settings = settings
        self._hide = hide
        self._now = now
        self._keys: Keys | None = None

    @property
    def keys(self) -> Keys:
        """Raises :class:`SettingsError` before the first was made and may not be."""
        return self._keys or self.use(self._settings)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that keys are read from."""
        return tuple(self._settings.data_dir / name for name in (FILE, ROTATION_FILE, MONITOR_FILE))

    def use(self, settings: Settings) -> Keys:
        """Reads the keys again; those of before stay in force where that fails. Raises :class:`SettingsError`."""
        keys = read_keys(settings)
        self._settings, self._keys = settings, keys
        for key in keys.all:
            self._hide(key)
        return keys

    async def look_again(self) -> None:
        """After a file of :attr:`paths` has changed; a key that cannot be read changes nothing."""
        try:
            self.use(self._settings)
        except SettingsError:
            return

    def access(self, key: str) -> Access | None:
        """How far ``key`` opens the gateway now."""
        return self.keys.access(key, self._now())

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know now of the keys."""
        told, keys = [], self._keys
        if not is_loopback(self._settings.host):
            told.append(
                f"llmgw listens on {self._settings.host}: whoever on the network has its key can spend your money, and "
                "nothing is encrypted on the way. LLMGW_HOST=127.0.0.1 keeps it to this machine."
            )
        if keys and keys.former and self._now() < keys.until:
            told.append(
                f"The key before the last `llmgw secret rotate` is taken until {moment(keys.until)}; "
                "`llmgw secret end` ends it at once."
            )
        return tuple(told)


def moment(at: float) -> str:
    """A time of this machine's clock, for a person."""
    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M}"
