"""What a gateway does not import to start and to answer: each of these takes a tenth of a second to several."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.harness import GatewayProcess, anthropic_env
from tests.fakes.anthropic import FakeAnthropic

TELL = """
import atexit, pathlib, sys
atexit.register(lambda: pathlib.Path("modules").write_text(" ".join(sys.modules)))
"""
NEVER = (
    *("torch", "transformers", "sentence_transformers", "onnxruntime", "tokenizers", "numpy", "lancedb", "pyarrow"),
    *("xllamacpp", "textual", "plotext", "openai", "gateway_core.cache.guards", "llmgw_tui.source_http"),
)
MOST_OF_ANTHROPIC = 1_100
"""Modules of the SDK: 940 of its 2,900 with anthropic 2.12."""


async def test_neither_models_nor_screens_nor_another_sdk_are_imported_to_answer_through_one(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake:
        llmgw = GatewayProcess(tmp_path, anthropic_env(fake), before=TELL, anew=True)
        await llmgw.start()
        assert (await llmgw.chat()).status == 200
        await llmgw.end()
    imported = (tmp_path / "modules").read_text().split()
    assert not [name for name in NEVER if name in imported]
    assert 0 < len([name for name in imported if name.startswith("anthropic")]) < MOST_OF_ANTHROPIC
