"""What memory and disk this machine has for models, as far as that can be told without a GPU's library.

Everything here touches files or runs a program: call it in a thread.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from gateway_core.frozen import frozen
from gateway_core.local_values import Machine
from gateway_core.ollama.machine.memory import available_bytes, built_in_bytes

_DRM = Path("/sys/class/drm")
_NVIDIA = ("--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
_NO_MEMORY_OF_ITS_OWN = ("[N/A]", "[Not Supported]")
"""What NVIDIA's program tells of the memory of a chip that shares the machine's: GB10 (DGX Spark), Jetson Orin and Thor
(llama-swap #782, vllm-cli #11, nvitop #208, 2026-01 to 2026-08)."""
_AMD_FILES = ("vram_total", "vram_used", "gtt_total")
_WIRED_LIMIT = ("sysctl", "-n", "iogpu.wired_limit_mb")
_APU_METRICS = (2, 3)
"""Format revisions of ``gpu_metrics`` (a header of size, format and content revision) that the driver writes for chips
with both processors, Renoir and later; 1 is for cards (Linux, ``kgd_pp_interface.h``, 2026-11)."""
_PROGRAM_S = 4.0
_MIB = 1024 * 1024
_GIB = 1024**3


@frozen
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
    memory = built_in_bytes()
    if platform.system() == "Darwin":
        return apple(memory, _told(_WIRED_LIMIT)) if platform.machine() == "arm64" else None
    return read_nvidia(_told(("nvidia-smi", *_NVIDIA)), memory) or amd(drm)


def _told(command: tuple[str, ...]) -> str:
    """What a program writes; nothing where it is not there, fails or takes too long."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *command[1:]], capture_output=True, text=True, errors="replace", timeout=_PROGRAM_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def read_nvidia(text: str, memory_bytes: int | None) -> Gpu | None:
    """Lines of ``name, total MiB, free MiB``, one a GPU; Ollama spreads a model over all of them.

    One that has no memory of its own counts where it is the only kind, and has what the machine has.
    """
    names, sharing, total, free = [], [], 0, 0
    for line in text.splitlines():
        parts = [part.strip() for part in line.rsplit(",", 2)]
        if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
            names.append(parts[0])
            total += int(parts[1]) * _MIB
            free += int(parts[2]) * _MIB
        elif len(parts) == 3 and parts[1] in _NO_MEMORY_OF_ITS_OWN:
            sharing.append(parts[0])
    if not total and sharing and memory_bytes:
        return Gpu(_together(sharing), memory_bytes, None, unified=True)
    return Gpu(_together(names), total, free) if total else None


def amd(drm: Path) -> Gpu | None:
    """AMD's driver tells of each card what VRAM it has and uses.

    A chip with both processors takes what its VRAM, a small part of main memory set aside, does not hold into main
    memory, as far as the driver maps it for the GPU: a model of 24 GB was seen there (nvtop #492, 2026-07). Beside a
    card it does not count.
    """
    cards, total, free, mapped = 0, 0, 0, 0
    for path in sorted(drm.glob("card[0-9]*/device/mem_info_vram_total")):
        size, used, gtt = (_number(path.with_name(f"mem_info_{name}")) for name in _AMD_FILES)
        if size is None or used is None:
            continue
        if gtt is not None and gtt > size and _shares_memory(path.with_name("gpu_metrics")):
            mapped = max(mapped, gtt)
        else:
            cards, total, free = cards + 1, total + size, free + max(0, size - used)
    if not cards and mapped:
        return Gpu("AMD GPU", mapped, None, unified=True)
    return Gpu("AMD GPU" if cards == 1 else f"{cards} AMD GPUs", total, free) if total else None


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _shares_memory(metrics: Path) -> bool:
    try:
        with metrics.open("rb") as file:
            header = file.read(4)
    except OSError:
        return False
    return len(header) == 4 and header[2] in _APU_METRICS


def apple(memory_bytes: int | None, wired_limit: str = "") -> Gpu | None:
    """What Metal recommends as the most for a GPU: the limit that was set with ``sysctl``, in MiB, 0 for none; without
    one a share of the memory.

    Logged were 10,923 of 16,384 MiB, 21,845 of 32,768, 49,152 of 65,536 and 73,728 of 98,304 (macOS 13 and 14;
    llama-cpp-python #687, ollama #434, llama.cpp #1870 and #3213, 2023); macOS 26 gives more, 11.84 of 16 GB and 107.5
    of 128 (llmfit #754, ds4 #893, 2026-07 and 2026-08). The smaller shares are taken.
    """
    if memory_bytes is None:
        return None
    if wired_limit.strip().isdigit() and (limit := int(wired_limit) * _MIB):
        return Gpu("Apple GPU", min(limit, memory_bytes), None, unified=True)
    share = 2 / 3 if memory_bytes <= 36 * _GIB else 3 / 4
    return Gpu("Apple GPU", int(memory_bytes * share), None, unified=True)


def _together(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} GPUs: {', '.join(dict.fromkeys(names))}"
