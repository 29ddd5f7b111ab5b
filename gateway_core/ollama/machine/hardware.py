"""What memory and disk this machine has for models, as far as that can be told without a GPU's library.

Everything here touches files or runs a program: call it in a thread.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from gateway_core.local_values import Machine
from gateway_core.ollama.machine.memory import available_bytes, built_in_bytes

_DRM = Path("/sys/class/drm")
_NVIDIA = ("--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
_PROGRAM_S = 4.0
_MIB = 1024 * 1024
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Gpu:
    """All GPUs of the machine together. ``unified`` shares the main memory."""

    name: str
    total_bytes: int
    available_bytes: int | None
    unified: bool = False


def read_machine(folder: Path | None, gpu: Gpu | None) -> Machine:
    """The machine now; ``gpu`` as :func:`find_gpu` told it, which is dearer to ask."""
    machine = Machine(memory_bytes=built_in_bytes(), available_bytes=available_bytes())
    if gpu:
        machine = replace(
            machine,
            gpu=gpu.name,
            vram_bytes=gpu.total_bytes,
            vram_available_bytes=gpu.available_bytes,
            unified=gpu.unified,
        )
    if folder:
        try:
            machine = replace(machine, models_folder=str(folder), disk_free_bytes=shutil.disk_usage(folder).free)
        except OSError:
            machine = replace(machine, models_folder=str(folder))
    return machine


def find_gpu(drm: Path = _DRM) -> Gpu | None:
    """The GPUs, of NVIDIA's program, AMD's kernel driver or Apple's chip; None where none of them tells."""
    if platform.system() == "Darwin":
        return _apple(built_in_bytes()) if platform.machine() == "arm64" else None
    return _nvidia() or amd(drm)


def _nvidia() -> Gpu | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        told = subprocess.run([program, *_NVIDIA], capture_output=True, text=True, timeout=_PROGRAM_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return read_nvidia(told.stdout)


def read_nvidia(text: str) -> Gpu | None:
    """Lines of ``name, total MiB, free MiB``, one a GPU; Ollama spreads a model over all of them."""
    names, total, free = [], 0, 0
    for line in text.splitlines():
        parts = [part.strip() for part in line.rsplit(",", 2)]
        if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
            names.append(parts[0])
            total += int(parts[1]) * _MIB
            free += int(parts[2]) * _MIB
    return Gpu(_together(names), total, free) if total else None


def amd(drm: Path) -> Gpu | None:
    """AMD's driver tells of each card what VRAM it has and uses; integrated ones have a small part of main memory."""
    cards, total, free = 0, 0, 0
    for path in sorted(drm.glob("card[0-9]*/device/mem_info_vram_total")):
        try:
            size, used = int(path.read_text()), int(path.with_name("mem_info_vram_used").read_text())
        except (OSError, ValueError):
            continue
        cards, total, free = cards + 1, total + size, free + max(0, size - used)
    return Gpu("AMD GPU" if cards == 1 else f"{cards} AMD GPUs", total, free) if total else None


def _apple(memory_bytes: int | None) -> Gpu | None:
    """Metal lets a GPU have two thirds of the memory up to 36 GB, three quarters above (observed by many, 2025)."""
    if memory_bytes is None:
        return None
    share = 2 / 3 if memory_bytes <= 36 * _GIB else 3 / 4
    return Gpu("Apple GPU", int(memory_bytes * share), None, unified=True)


def _together(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} GPUs: {', '.join(dict.fromkeys(names))}"
