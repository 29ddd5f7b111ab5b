"""Answers about code, from a real folder, through a gateway that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.anthropic import FakeAnthropic
from tests.http.inside import client, with_claude


async def test_answers_about_code_are_shared_while_the_folder_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_core.cache.code_context.WAIT_S", 30.0)
    monkeypatch.setattr("gateway_core.cache.code_context.KEEP_S", -1.0)
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
        (folder / "x.py").write_text("1")

    async with FakeAnthropic() as fake, client(tmp_path / "data", **with_claude(fake)) as llmgw:

        async def status(text: str, folder: Path, **more: Any) -> str:
            _, headers, _ = await llmgw.chat(text, context={"cwd": str(folder)}, **more)
            return headers["x-llmgw-cache"]

        code, other = "Why do our tests fail?", "What is the capital of Ghana?"
        assert [await status(code, folders[0]) for _ in range(2)] == ["miss", "exact"]
        assert await status(code, folders[1]) == "miss"
        assert [await status(other, folder) for folder in folders] == ["miss", "exact"]
        (folders[0] / "x.py").write_text("22")
        assert await status(code, folders[0]) == "miss"
        assert [await status(code, folders[0] / "gone") for _ in range(2)] == ["bypass", "bypass"]
        assert [await status(other, folders[0], idempotency_key="k") for _ in range(2)] == ["exact", "exact"]
        code_, _, body = await llmgw.chat(other, context={"cwd": str(folders[1])}, idempotency_key="k")
        assert (code_, body["error"]["code"]) == (409, "idempotency_conflict")
        code_, _, body = await llmgw.chat(other, context={"cwd": "relative"})
        assert (code_, body["error"]["param"]) == (400, "context.cwd")
