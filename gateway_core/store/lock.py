"""One llmgw for each data folder: two would each spend the whole daily limit."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from gateway_core.store.errors import FolderInUse, StoreError, StoreUnusable
from gateway_core.store.files import make_private_file, make_private_folder

LOCK_NAME = "llmgw.lock"
_LOOKING = os.O_RDONLY | os.O_CLOEXEC


class FolderLock:
    """Holds a data folder until :meth:`release` or the end of the process, however it ends.

    The file says who has it. The folder itself is held too, so that nobody gets in who has removed the file.
    """

    def __init__(self, descriptor: int | None, folder: int | None) -> None:
        self._descriptor = descriptor
        self._folder = folder

    @classmethod
    def acquire(cls, folder: Path) -> FolderLock:
        """Takes the folder, making it when missing. Raises :class:`FolderInUse` naming the process that has it."""
        make_private_folder(folder)
        path = folder / LOCK_NAME
        descriptor = _opened(path)
        if descriptor is not None:
            _hold(descriptor, path)
        try:
            held = _held_folder(folder)
        except BlockingIOError:
            if descriptor is not None:
                os.close(descriptor)
            raise FolderInUse(folder, None) from None
        if descriptor is None and held is None:
            raise StoreError(f"{folder} can neither be written nor locked. Make it yours, or give another --data-dir.")
        if descriptor is not None:
            with suppress(OSError):  # a full disk: it is held all the same, and does not say by whom
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor, held)

    @staticmethod
    def held_by_another(folder: Path) -> FolderInUse | None:
        """What :meth:`acquire` would raise of an llmgw that works in the folder; None where none does. Makes nothing,
        and keeps nothing."""
        try:
            descriptor = os.open(folder / LOCK_NAME if (folder / LOCK_NAME).is_file() else folder, _LOOKING)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return FolderInUse(folder, _pid_in(descriptor))
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return None

    def release(self) -> None:
        """Gives the folder back; a second call does nothing. The file stays: removing it would let two in."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None


def _opened(path: Path) -> int | None:
    """The file, made where it can be; None where it is not there and cannot be: a read-only disk has the folder."""
    with suppress(StoreUnusable):
        make_private_file(path)
    for way in (os.O_RDWR, os.O_RDONLY):
        with suppress(OSError):
            return os.open(path, way | os.O_CLOEXEC)
    return None


def _hold(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = _pid_in(descriptor)
        os.close(descriptor)
        raise FolderInUse(path.parent, pid) from None
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"{path} cannot be locked: {error.strerror}. Give a local --data-dir.") from None


def _held_folder(folder: Path) -> int | None:
    """The folder, locked; None on a file system that locks files alone. Raises ``BlockingIOError``."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _pid_in(descriptor: int) -> int | None:
    text = b""
    with suppress(IsADirectoryError):
        text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None
