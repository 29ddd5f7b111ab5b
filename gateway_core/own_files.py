"""What llmgw writes is its user's alone, whatever the shell's umask is; only a shared cache follows that."""

from __future__ import annotations

import os

PRIVATE = 0o077
_users: int | None = None


def keep_private() -> None:
    """Has this process and its children make files 0600 and folders 0700."""
    global _users
    before = os.umask(PRIVATE)
    _users = before if _users is None else _users


def users_umask() -> int:
    """The umask that the user has chosen, for what others are meant to read."""
    if _users is not None:
        return _users
    now = os.umask(PRIVATE)
    os.umask(now)
    return now
