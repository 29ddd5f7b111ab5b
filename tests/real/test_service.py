"""systemd itself reads the unit that is written, odd paths included."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from llmgw_tui.service.command import marked
from llmgw_tui.service.manager import Ran
from llmgw_tui.service.systemd import NAME, Systemd

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def verified(file: Path) -> tuple[int, str]:
    """What ``systemd-analyze verify`` says."""
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is not installed. On Debian: apt-get install --no-install-recommends systemd"
    process = await asyncio.create_subprocess_exec(
        *(program, "--user", "verify", "--man=no", str(file)),
        env={"PATH": "/usr/bin:/bin", "HOME": str(file.parent), "XDG_RUNTIME_DIR": str(file.parent)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.mark.parametrize("folder", ["plain", "with a space", 'odd %h $HOME "x"'])
async def test_systemd_understands_the_unit(tmp_path: Path, folder: str) -> None:
    program = tmp_path / folder / "llmgw"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    manager = Systemd(lambda _: Ran(0, ""), {}, tmp_path)
    file = tmp_path / NAME
    file.write_text(marked(manager.text([str(program), "serve", "--data-dir", str(program.parent)])))
    assert await verified(file) == (0, "")


async def test_it_would_tell_of_a_wrong_one(tmp_path: Path) -> None:
    file = tmp_path / NAME
    text = Systemd(lambda _: Ran(0, ""), {}, tmp_path).text(["/bin/sh"])
    file.write_text(text.replace("Restart=on-failure", "Restart=sometimes").replace("/bin/sh", "/nowhere/llmgw"))
    code, said = await verified(file)
    assert code and "/nowhere/llmgw" in said and "restart specifier" in said
