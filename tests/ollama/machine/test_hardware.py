"""What GPUs there are, read from what real machines have told: each case names who published it, and when.

Projects are on GitHub. What NVIDIA's program prints is put into the columns that are asked for here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_core.local_values import FitVerdict
from gateway_core.ollama.machine import hardware
from gateway_core.ollama.machine.fit import Weight, judge
from gateway_core.ollama.machine.hardware import Gpu, amd, apple, find_gpu, read_machine, read_nvidia

MIB, GIB = 1 << 20, 1 << 30
SPARK_BYTES = 127_600_748 * 1024
"""MemTotal of a DGX Spark: XuehaiPan/nvitop #208, 2026-08-07."""


@pytest.mark.parametrize(
    ("told", "gpu"),
    [
        # RLinf/RLinf #255, driver 550.163.01, 2025-11-12: 24564 MiB, 507 and 459 of them in use
        (
            "NVIDIA GeForce RTX 4090, 24564, 24057\nNVIDIA GeForce RTX 4090, 24564, 24105\n",
            Gpu("2 GPUs: NVIDIA GeForce RTX 4090", 2 * 24564 * MIB, 48162 * MIB),
        ),
        # akash-network/provider-configs #12, driver 535.129.03, 2024-02-29
        ("Quadro RTX 4000, 8192, 8191\n", Gpu("Quadro RTX 4000", 8192 * MIB, 8191 * MIB)),
        # XuehaiPan/nvitop #208, driver 580.173.02, 2026-08-07; mostlygeek/llama-swap #782, 2026-05-23
        ("NVIDIA GB10, [N/A], [N/A]\n", Gpu("NVIDIA GB10", SPARK_BYTES, None, unified=True)),
        # Chen-zexi/vllm-cli #11, Jetson AGX Orin, 2026-01-09
        ("Orin (nvgpu), [N/A], [N/A]\n", Gpu("Orin (nvgpu)", SPARK_BYTES, None, unified=True)),
        # a card beside a chip that shares memory: the card is what a model goes to
        ("NVIDIA GB10, [N/A], [N/A]\r\nRTX 4090, 24564, 24000\r\n", Gpu("RTX 4090", 24564 * MIB, 24000 * MIB)),
        ("GPU 0, [Unknown Error], [Unknown Error]\n", None),
        ("No devices were found\n", None),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", None),
        ("", None),
    ],
)
def test_nvidias_program_is_understood(told: str, gpu: Gpu | None) -> None:
    assert read_nvidia(told, SPARK_BYTES) == gpu


def test_a_model_fits_on_the_gpu_that_shares_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A DGX Spark with 118,566,368 kB available (nvitop #208): it was taken for a machine without a GPU."""
    monkeypatch.setattr(hardware, "built_in_bytes", lambda: SPARK_BYTES)
    monkeypatch.setattr(hardware, "available_bytes", lambda: 118_566_368 * 1024)
    machine = read_machine(None, read_nvidia("NVIDIA GB10, [N/A], [N/A]\n", SPARK_BYTES))
    judged = judge(Weight("gpt-oss:120b", 65_000_000_000, 131_072, 74_000), machine)
    assert judged.verdict is FitVerdict.VRAM and "GPU may have" in judged.why
    assert judge(Weight("large", 125_000_000_000, 4_096, 74_000), machine).verdict is not FitVerdict.VRAM


def card(drm: Path, number: int, vram: int, used: int, gtt: int | None, metrics: bytes = b"") -> None:
    """What amdgpu has in ``/sys`` for a card. ``metrics`` are the first bytes of ``gpu_metrics``."""
    device = drm / f"card{number}" / "device"
    device.mkdir(parents=True)
    for name, value in (("vram_total", vram), ("vram_used", used), ("gtt_total", gtt)):
        if value is not None:
            (device / f"mem_info_{name}").write_text(f"{value}\n")
    if metrics:
        (device / "gpu_metrics").write_bytes(metrics + bytes(100))


CARD_METRICS, APU_METRICS, NEWER_APU_METRICS = b"\x78\x00\x01\x03", b"\x80\x00\x02\x02", b"\x08\x01\x03\x00"
"""Headers of v1.3, v2.2 and v3.0: size, format, content (Linux, ``kgd_pp_interface.h``, 2026-11)."""


def test_cards_of_amd_are_added_up(tmp_path: Path) -> None:
    """Ricks-Lab/gpu-utils #118, RX 570, Linux 5.8, 2021-07-13: 4294967296 of VRAM and of GTT."""
    card(tmp_path, 1, 4_294_967_296, 294_967_296, 4_294_967_296)
    assert amd(tmp_path) == Gpu("AMD GPU", 4_294_967_296, 4_000_000_000)
    card(tmp_path, 2, 16 * GIB, 1 * GIB, 31 * GIB, CARD_METRICS)
    card(tmp_path, 3, 8 * GIB, 9 * GIB, None)
    assert amd(tmp_path) == Gpu("3 AMD GPUs", 28 * GIB, 4_000_000_000 + 15 * GIB)
    assert amd(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("vram", "used", "gtt", "metrics"),
    [
        # corecoding/Vitals #515, Ryzen AI MAX+ 395, 2026-02-06: 512 MiB of VRAM, 455 in use, 124 GiB of GTT
        (512 * MIB, 455 * MIB, 124 * GIB, NEWER_APU_METRICS),
        # clbr/radeontop #163, Ryzen 5900HS, 2024-01-04: 512 M of VRAM, 7695 M of GTT
        (512 * MIB, 100 * MIB, 7695 * MIB, APU_METRICS),
    ],
)
def test_a_chip_with_both_processors_has_what_is_mapped_for_it(
    tmp_path: Path, vram: int, used: int, gtt: int, metrics: bytes
) -> None:
    card(tmp_path, 1, vram, used, gtt, metrics)
    assert amd(tmp_path) == Gpu("AMD GPU", gtt, None, unified=True)
    card(tmp_path, 0, 16 * GIB, 2 * GIB, 31 * GIB, CARD_METRICS)
    assert amd(tmp_path) == Gpu("AMD GPU", 16 * GIB, 14 * GIB)


def test_memory_that_was_set_aside_for_such_a_chip_is_its_own(tmp_path: Path) -> None:
    """96 of 128 GB given to the GPU in the firmware: the system has but the rest."""
    card(tmp_path, 1, 96 * GIB, 1 * GIB, 16 * GIB, NEWER_APU_METRICS)
    assert amd(tmp_path) == Gpu("AMD GPU", 96 * GIB, 95 * GIB)


@pytest.mark.parametrize(
    ("memory_gib", "limit", "recommended_mib"),
    [
        (16, "0\n", 10_922.67),  # M1 Pro, abetlen/llama-cpp-python #687, 2023-09-14
        (32, "0\n", 21_845.34),  # M2 Max, ollama/ollama #434, 2023-08-28
        (64, "", 49_152.00),  # M1 Max, ggml-org/llama.cpp #1870, 2023-11-25
        (96, "0\n", 73_728.00),  # M2 Max, ggml-org/llama.cpp #3213, 2023-09-16
        (128, "114688\n", 114_688.00),  # M5 Max, antirez/ds4 #893, 2026-08-29
        (64, "999999\n", 65_536.00),
    ],
)
def test_a_mac_gives_its_gpu_what_metal_recommends(memory_gib: int, limit: str, recommended_mib: float) -> None:
    gpu = apple(memory_gib * GIB, limit)
    assert gpu and gpu.unified and gpu.total_bytes / MIB == pytest.approx(recommended_mib, abs=0.01)


@pytest.mark.parametrize(("memory_gib", "recommended_gib"), [(16, 11.84), (128, 107.52)])
def test_newer_systems_give_no_less(memory_gib: int, recommended_gib: float) -> None:
    """macOS 26: AlexsJones/llmfit #754, M3, 2026-07-15; antirez/ds4 #893, M5 Max, 2026-08-29."""
    gpu = apple(memory_gib * GIB, "0\n")
    assert gpu and gpu.total_bytes <= recommended_gib * GIB


def test_a_mac_is_asked_for_the_limit_that_was_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "sysctl"
    program.write_text('#!/bin/sh\n[ "$*" = "-n iogpu.wired_limit_mb" ] && echo 30720\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(hardware, "built_in_bytes", lambda: 36 * GIB)
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert find_gpu() == Gpu("Apple GPU", 30 * GIB, None, unified=True)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert find_gpu() is None


@pytest.mark.parametrize("does", ["exit 9", "sleep 60", "printf '\\377\\n'"])
def test_a_program_that_fails_hangs_or_babbles_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, does: str
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f'#!/bin/sh\nexec /bin/sh -c "{does}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(hardware, "_PROGRAM_S", 2.0 if does != "sleep 60" else 0.1)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert find_gpu(tmp_path / "drm") is None
