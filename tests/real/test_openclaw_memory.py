"""The real OpenClaw's memory search embeds with the gateway's built-in encoder, and finds by meaning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.real.gateway_process import KEY, gateway
from tests.real.openclaw import OpenClaw

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(1200)]

BOAT = "The boat lies at the marina in Hamburg, berth 14."
NOTES = {
    "MEMORY.md": "# Facts\n\nAnna's birthday is on the third of May.\n",
    "memory/boat.md": f"# Summer\n\n{BOAT}\n",
    "memory/bread.md": "# Kitchen\n\nSourdough needs 78 % water and a night in the fridge.\n",
    "memory/long.md": "# Minutes\n\n" + "The committee talked about the fence and adjourned without a decision. " * 60,
}


async def test_memory_is_indexed_and_found_in_other_words(openclaw: OpenClaw, tmp_path: Path) -> None:
    for name, text in NOTES.items():
        (openclaw.workspace / name).parent.mkdir(exist_ok=True)
        (openclaw.workspace / name).write_text(text, "utf-8")
    async with gateway(tmp_path / "gateway", LOCAL_LLM_ENABLED="false", SEMANTIC_CACHE="off") as running:
        result = openclaw.connect(f"{running.base_url}/v1", KEY, memory=True)
        assert any("memory index --force" in note for note in result.notes)
        code, output, errors = await openclaw.run("config", "validate")
        assert code == 0, output + errors
        code, output, errors = await openclaw.run("memory", "index", "--force", "--verbose")
        assert code == 0, output + errors
        code, output, errors = await openclaw.run("memory", "search", "Where is the ship moored?", "--json")
        assert code == 0, output + errors
        first = json.loads(output)["results"][0]
        assert first["path"] == "memory/boat.md" and BOAT in first["snippet"]
        rows = await running.requests()
        assert {(row["purpose"], row["status"], row["model"], row["cost_microusd"]) for row in rows} == {
            ("embedding", "ok", "all-MiniLM-L6-v2", 0)
        }
        previews = [row["preview"] for row in rows]
        assert "Where is the ship moored?" in previews
        assert sum(row["input_tokens"] for row in rows) > 700, "the long note is embedded to its end"
        _, output, _ = await openclaw.run("memory", "status", "--deep", "--json")
        assert "all-MiniLM" in output or "gateway-embed" in output
