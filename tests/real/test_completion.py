"""The completion of commands in the real fish and zsh."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from llmgw_tui.arguments import make_parser
from llmgw_tui.completion import script

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

ZSH_STUBS = """
compdef() { :; }
_describe() { print -l -- "${(@P)2%%:*}"; }
compadd() { shift; print -l -- "$@"; }
_files() { print files "$@"; }
_message() { print message; }
"""


async def shell(name: str, *arguments: str) -> str:
    program = shutil.which(name)
    assert program, f"{name} is not installed. On Debian: apt-get install {name}"
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def fish(file: Path, line: str) -> set[str]:
    output = await shell("fish", "--no-config", "-c", f"source {file}; complete -C '{line}'")
    return {offered.partition("\t")[0] for offered in output.splitlines()}


async def zsh(file: Path, line: str) -> set[str]:
    words = line.split(" ")
    code = f"{ZSH_STUBS}\nsource {file}\nwords=({' '.join(map(repr, words))}); CURRENT={len(words)}; _llmgw"
    return set((await shell("zsh", "-f", "-c", code)).splitlines())


async def test_fish_offers_what_fits(tmp_path: Path) -> None:
    file = tmp_path / "llmgw.fish"
    file.write_text(script("fish", make_parser()))
    assert await fish(file, "llmgw ser") == {"serve", "service"}
    assert await fish(file, "llmgw connect pro") == {"prometheus"}
    assert await fish(file, "llmgw cache list --order ") == {"newest", "hits", "saved", "largest"}
    assert "--dry-run" in await fish(file, "llmgw service install --d")


async def test_zsh_offers_what_fits(tmp_path: Path) -> None:
    file = tmp_path / "_llmgw"
    file.write_text(script("zsh", make_parser()))
    assert {"serve", "service", "--version"} <= await zsh(file, "llmgw ")
    assert await zsh(file, "llmgw cache list --order ") == {"newest", "hits", "saved", "largest"}
    assert {"--now", "--dry-run"} <= await zsh(file, "llmgw service install ")
    assert await zsh(file, "llmgw serve --config ") == {"files"}
    assert await zsh(file, "llmgw serve --port ") == {"message"}
