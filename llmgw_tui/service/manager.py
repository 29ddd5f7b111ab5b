"""What a service manager must be able to do, and how its programs are run."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from gateway_core.frozen import frozen

_COMMAND_TIMEOUT_S = 60


@frozen
class Ran:
    """How a program ended. ``text`` is what it wrote, errors included."""

    code: int
    text: str


Run = Callable[[Sequence[str]], Ran]
"""Runs a program to its end. One that is not there ends with 127."""


class ServiceError(Exception):
    """It was not done; the message says why, and what to do."""


class Manager(Protocol):
    """systemd or launchd. Methods raise :class:`ServiceError`."""

    path: Path
    """Where the service is described."""

    def text(self, command: Sequence[str]) -> str:
        """The description of a service that runs ``command``."""

    def check(self) -> None:
        """Whether it can be spoken to at all."""

    def enable(self, *, now: bool) -> None:
        """Has it start at login, and with ``now`` at once; one that runs is started anew."""

    def disable(self) -> None:
        """Stops it, and has it start no more."""

    def state(self) -> str:
        """In a word or two: ``active``, ``inactive``, ``not installed`` …"""

    def hints(self, *, now: bool) -> list[str]:
        """What is left to do for a person after an installation."""

    def logs(self, lines: int, *, follow: bool) -> Sequence[str]:
        """The command that shows what it has written."""


def run(command: Sequence[str]) -> Ran:
    """Runs a program and collects what it says."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        return Ran(127, f"{command[0]} is not installed")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Ran(1, str(error))
    return Ran(done.returncode, done.stdout.strip())


def must(run: Run, *command: str) -> str:
    """What the program says. Raises :class:`ServiceError` when it fails."""
    done = run(command)
    if done.code:
        raise ServiceError(f"`{' '.join(command)}` failed: {done.text or f'exit code {done.code}'}")
    return done.text


def digest(text: str) -> str:
    """A few letters by which a description is known to be as it was written."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
