"""How much memory this machine has left for a model."""

from __future__ import annotations

import os
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_SHARE_WHERE_UNTOLD = 0.5


def available_bytes(meminfo: Path = _MEMINFO) -> int | None:
    """Bytes of main memory that can be had without swapping; None where the system does not tell.

    Linux tells it. Elsewhere (macOS, where the GPU shares it) it is taken for half of what is built in. The memory of
    other GPUs is not counted: Ollama tells only what its loaded models use of it.
    """
    try:
        for line in meminfo.read_text("ascii").splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    built_in = built_in_bytes()
    return int(built_in * _SHARE_WHERE_UNTOLD) if built_in else None


def built_in_bytes() -> int | None:
    """Bytes of main memory that the machine has; None where the system does not tell."""
    try:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return None
