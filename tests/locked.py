"""``make lock``: leaves out of a compiled list what only one build of PyTorch or another system wants.

Reads the list of uv's on standard input, an entry and its hashes over several lines, and writes it sorted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

LEFT_OUT = re.compile(r"(?:torch==|nvidia-|cuda-|triton|colorama|httpx2-jsfetch)")


def entries(text: str) -> Iterator[str]:
    """Each package with the lines of its hashes."""
    yield from re.findall(r"^[^\s#-].*(?:\n[ \t]+--hash=.*)*", text, re.MULTILINE)


def locked(text: str) -> str:
    """What is installed of a compiled list. Raises ``ValueError`` for an entry without a hash."""
    kept = sorted(entry for entry in entries(text) if not LEFT_OUT.match(entry))
    if bare := [entry for entry in kept if "--hash=sha256:" not in entry]:
        raise ValueError(f"no hash: {', '.join(bare)}")
    return "".join(f"{entry}\n" for entry in kept)


if __name__ == "__main__":
    sys.stdout.write(locked(sys.stdin.read()))
