"""The settings over HTTP, of a gateway that runs on files and on what the operator decides."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest
from pydantic import TypeAdapter

from gateway_core.running import running_gateway
from gateway_core.setting_values import SettingsReport
from gateway_core.settings_files import SettingsFiles
from tests.http.inside import client

PRICE = {"input": 1, "output": 2}
KEY = "the-key-of-this-gateway-0123456789"


async def test_the_report_follows_the_operator_and_hides_the_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAILY_BUDGET_HARD", raising=False)
    file = tmp_path / "config.yaml"
    file.write_text(f"gateway_secret: {KEY}\nlocal_llm_enabled: false\nsemantic_cache: off\ndaily_budget_hard: 40\n")
    files = SettingsFiles(file, port=0, data_dir=tmp_path)
    async with (
        running_gateway(files.load(), files=files) as gateway,
        aiohttp.ClientSession(gateway.address, headers={"Authorization": f"Bearer {KEY}"}) as http,
    ):

        async def report() -> tuple[SettingsReport, str]:
            async with http.get("/api/settings") as answer:
                body = await answer.text()
            return TypeAdapter(SettingsReport).validate_json(body), body

        before, body = await report()
        await http.post("/api/commands/set_budget", json={"hard": 10})
        await http.post("/api/commands/force_tier", json={"tier": "local"})
        after, _ = await report()
        async with http.get("/api/settings", headers={"Authorization": "Bearer no"}) as answer:
            assert answer.status == 401
    hard, forced = ({one.name: one for one in after.settings}[name] for name in ("DAILY_BUDGET_HARD", "FORCED TIER"))
    assert {one.name: one.value for one in before.settings}["DAILY_BUDGET_HARD"] == "40"
    assert KEY not in body and "ends in …6789" in json.loads(body)["settings"][5]["value"]
    assert (hard.value, hard.source) == ("10", "operator") and hard.set_at is not None
    assert forced.value == "local" and forced.set_at is not None
    async with running_gateway(files.load(), files=files) as gateway:
        again = {one.name: one for one in (await gateway.settings_report()).settings}["DAILY_BUDGET_HARD"]
    assert (again.value, again.set_at) == (hard.value, hard.set_at), "it survives a restart"


async def test_a_port_that_was_left_open_is_told_with_the_one_it_came_to(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        listens = llmgw.http._base_url
        told = {one["name"]: one for one in (await llmgw.get("/api/settings"))["settings"]}["LLMGW_PORT"]
    assert listens is not None and told["value"] == f"0: listens on {listens.port}"
    assert told["line"] == "port: 0", "what sets it stays as it is"


async def test_a_password_in_an_address_is_told_nowhere(tmp_path: Path) -> None:
    own = {"name": "own", "base_url": "http://ada:hunter22@127.0.0.1:9/v1", "model": "m", "price": PRICE}
    async with client(
        tmp_path, local_llm_enabled=True, local_llm_url="http://ada:hunter22@127.0.0.1:9/v1", providers=[own]
    ) as llmgw:
        await llmgw.gateway.checks.looked.wait()
        _, _, answer = await llmgw.chat(model="own/m")
        seen = [json.dumps(answer)]
        for path in ("snapshot", "routing", "log", "settings", "local/models"):
            async with llmgw.http.get(f"/api/{path}") as told:
                seen.append(await told.text())
    assert "127.0.0.1:9" in seen[1] and "127.0.0.1:9" in seen[4]
    for text in seen:
        assert "hunter22" not in text
