"""Which run of the computer this is: what was written without waiting for the disk is there as long as it lasts."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_LINUX = Path("/proc/sys/kernel/random/boot_id")
"""See random(4)."""
_MACOS = ("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid")
_WAIT_S = 2.0


def boot_id() -> str:
    """Another one after each start of the computer; empty where that cannot be known."""
    with suppress(OSError, ValueError):
        return _LINUX.read_text("ascii").strip()
    if sys.platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            return subprocess.run(_MACOS, capture_output=True, text=True, timeout=_WAIT_S).stdout.strip()
    return ""
