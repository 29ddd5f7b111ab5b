"""The gateway's key: made strong, exchanged without a break, ended at once, and one caller's alone."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from gateway_core.keys import Access, KeyRing, caller_of, end_former, read_keys, rotate
from gateway_core.redaction import Redactor
from gateway_core.secret import fingerprint, is_loopback, new_secret, weakness
from gateway_core.settings import ProviderEntry, Settings, SettingsError
from llmgw_tui.cli import main
from llmgw_tui.doctor_network import listening_findings
from tests.e2e.harness import SECRET, anthropic_env, gateway
from tests.e2e.test_cli import llmgw as command
from tests.fakes.anthropic import FakeAnthropic

DAY = 86_400.0


def of(folder: Path, **more: Any) -> Settings:
    return Settings(data_dir=folder, **more)


# --- where others on the network can try it ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        "x",
        "changeme",
        "password123456789012345",
        "secret-secret-secret-secret",
        "a" * 40,
        "12345678901234567890",
        "e2e-secret",
    ],
)
def test_a_short_or_common_key_is_refused_beyond_loopback(tmp_path: Path, secret: str) -> None:
    with pytest.raises(SettingsError, match="LLMGW_HOST is 0.0.0.0.*GATEWAY_SECRET"):
        read_keys(of(tmp_path, host="0.0.0.0", gateway_secret=secret))
    assert read_keys(of(tmp_path, host="127.0.0.1", gateway_secret=secret)).secret == secret


def test_an_empty_key_beyond_loopback_is_made_strong(tmp_path: Path) -> None:
    keys = read_keys(of(tmp_path, host="0.0.0.0", gateway_secret=None))
    assert weakness(keys.secret) == weakness(keys.monitor) == "" and keys.secret != keys.monitor
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("secret", "monitor-token")} == {0o600}


def test_a_weak_or_shared_token_of_monitors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MONITOR_TOKEN"):
        read_keys(of(tmp_path, host="192.168.1.2", gateway_secret=new_secret(), monitor_token="short"))
    with pytest.raises(SettingsError, match="the same as GATEWAY_SECRET"):
        read_keys(of(tmp_path, gateway_secret="one-and-the-same", monitor_token="one-and-the-same"))


def test_who_listens_beyond_loopback_is_warned_and_who_does_not_is_not(tmp_path: Path) -> None:
    def notices(host: str) -> tuple[str, ...]:
        ring = KeyRing(of(tmp_path, host=host), lambda key: None, lambda: 0.0)
        ring.use(of(tmp_path, host=host))
        return ring.notices

    assert notices("127.0.0.1") == notices("::1") == notices("localhost") == notices("127.0.0.2") == ()
    for host in ("0.0.0.0", "::", "192.168.1.2", "my-laptop"):
        assert "spend your money" in notices(host)[0] and not is_loopback(host)


async def test_a_gateway_with_a_default_key_does_not_listen_beyond_loopback(tmp_path: Path) -> None:
    code, out, err = await command(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0", GATEWAY_SECRET="changeme")
    assert code == 2 and "serves" not in out
    assert "GATEWAY_SECRET has fewer than 20 characters" in err and "changeme" not in out + err


def test_a_command_makes_files_for_its_user_alone_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    before = os.umask(0)
    try:
        assert main(["completion", "bash"]) == 0
        (tmp_path / "file").write_text("")
        (tmp_path / "folder").mkdir()
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "folder")]
    assert modes == [0o600, 0o700] and capsys.readouterr().out


def test_a_password_in_an_upstreams_address_is_kept_out_of_records_and_logs() -> None:
    entry = ProviderEntry(name="mine", base_url="https://me:p%40ss-of-mine@mine.example/v1", models=({"name": "m"},))
    settings = Settings(providers=(entry,), local_llm_url="http://me:word-of-ollama@127.0.0.1/v1")
    redactor = Redactor().hide_those_of(settings)
    for password in ("p%40ss-of-mine", "p@ss-of-mine", "word-of-ollama"):
        assert password not in redactor.clean(f"it said {password}.")
        assert password not in redactor.recorded.masked(f"it said {password}.")


def test_doctor_finds_a_weak_key_beyond_loopback_and_says_what_to_do(tmp_path: Path) -> None:
    settings = of(tmp_path, host="0.0.0.0", port=1, gateway_secret="changeme", local_llm_enabled=False)
    (failure,) = [finding for finding in listening_findings(settings, running=True) if finding.level == "fail"]
    assert "GATEWAY_SECRET has fewer than 20 characters. Leave it empty" in failure.text


# --- a new key for the old -----------------------------------------------------------------------------------------


def test_both_keys_are_taken_until_the_grace_is_over_and_the_caller_stays_the_same(tmp_path: Path) -> None:
    settings, now = of(tmp_path), [1_000.0]
    hidden: list[str] = []
    ring = KeyRing(settings, hidden.append, lambda: now[0])
    old = ring.use(settings)
    new = rotate(settings, DAY, now[0])
    assert ring.access(new.secret) is None
    ring.use(settings)
    assert ring.access(new.secret) is ring.access(old.secret) is Access.FULL
    assert ring.keys.caller == old.caller == caller_of(settings) == fingerprint(old.secret)
    assert {old.secret, new.secret, old.monitor} <= set(hidden), "all are kept out of logs"
    assert "taken until" in ring.notices[0]
    now[0] += DAY
    assert ring.access(old.secret) is None and ring.notices == ()
    assert ring.access(new.secret) is Access.FULL and ring.access(old.monitor) is Access.MONITOR


def test_the_key_before_the_last_two_opens_nothing(tmp_path: Path) -> None:
    settings = of(tmp_path)
    first = read_keys(settings)
    second = rotate(settings, DAY, 0.0)
    third = rotate(settings, DAY, 0.0)
    keys = read_keys(settings)
    assert [keys.access(one.secret, 1.0) for one in (first, second, third)] == [None, Access.FULL, Access.FULL]
    assert first.caller == second.caller == third.caller == keys.caller


def test_a_grace_of_nothing_and_an_end_at_once_leave_one_key(tmp_path: Path) -> None:
    settings = of(tmp_path)
    first = read_keys(settings)
    second = rotate(settings, 0.0, 0.0)
    assert read_keys(settings).access(first.secret, 0.0) is None
    rotate(settings, DAY, 0.0)
    assert end_former(settings) and not end_former(settings)
    assert read_keys(settings).access(second.secret, 1.0) is None
    assert second.secret not in (tmp_path / "secret.rotation").read_text()


def test_a_configured_key_is_exchanged_where_it_is_configured(tmp_path: Path) -> None:
    before = of(tmp_path, gateway_secret="the-key-that-is-configured")
    new = rotate(before, DAY, 0.0)
    assert read_keys(before).access("the-key-that-is-configured", 1.0) is Access.FULL
    assert read_keys(before).access(new.secret, 1.0) is None, "it is not configured yet"
    after = read_keys(of(tmp_path, gateway_secret=new.secret))
    assert after.access("the-key-that-is-configured", 1.0) is after.access(new.secret, 1.0) is Access.FULL
    assert after.caller == read_keys(before).caller
    assert not (tmp_path / "secret").exists()


def test_a_key_changed_by_hand_is_another_caller_and_ends_the_old_one(tmp_path: Path) -> None:
    before = read_keys(of(tmp_path, gateway_secret="a-key-of-before"))
    rotate(of(tmp_path, gateway_secret="a-key-of-before"), DAY, 0.0)
    after = read_keys(of(tmp_path, gateway_secret="a-key-by-hand"))
    assert after.caller != before.caller and after.access("a-key-of-before", 1.0) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"caller": 1}', '{"fingerprints": null}', "\x00"])
def test_a_damaged_rotation_file_leaves_the_key_in_force(tmp_path: Path, content: str) -> None:
    keys = read_keys(of(tmp_path))
    (tmp_path / "secret.rotation").write_text(content)
    assert read_keys(of(tmp_path)) == keys


async def test_a_running_gateway_takes_a_new_key_its_clients_follow_and_the_old_one_ends(tmp_path: Path) -> None:
    openclaw = tmp_path / ".openclaw" / "openclaw.json"
    body = {"model": "gateway-premium", "messages": [{"role": "user", "content": "Say hello."}]}
    async with FakeAnthropic() as fake:
        env = anthropic_env(fake) | {"GATEWAY_SECRET": ""}
        async with gateway(tmp_path, **env) as llmgw:
            here = {"LLMGW_PORT": llmgw.address.rpartition(":")[2]}

            async def status(key: str, **more: str) -> tuple[int, str]:
                async with (
                    aiohttp.ClientSession(llmgw.address, headers={"x-api-key": key}) as http,
                    http.post("/v1/chat/completions", json=body, headers=more) as answer,
                ):
                    await answer.read()
                    return answer.status, answer.headers.get("x-llmgw-cache", "")

            old = (tmp_path / "secret").read_text()
            assert (await command(tmp_path, "connect", "openclaw", "--write", **here))[0] == 0
            assert await status(old) == (200, "miss")

            code, out, err = await command(tmp_path, "secret", "rotate", "--write", **here)
            new = (tmp_path / "secret").read_text()
            assert code == 0 and new != old, err
            assert old not in out + err and new not in out + err and "until" in out
            assert new in openclaw.read_text() and old not in openclaw.read_text()
            assert json.loads(openclaw.read_text())["models"]["providers"]["llmgw"]["apiKey"] == new
            assert await status(new) == await status(old) == (200, "exact"), "what the caller had is still theirs"
            _, shown, _ = await command(tmp_path, "secret", **here)
            assert "taken until" in shown and old not in shown and new not in shown

            code, out, err = await command(tmp_path, "secret", "end", **here)
            assert code == 0, err
            assert [(await status(key))[0] for key in (old, new)] == [401, 200]
            assert not any(key in line for key in (old, new) for line in llmgw.lines)
            assert old not in (tmp_path / "llmgw.log").read_text()


async def test_callers_with_different_keys_share_no_answer_no_conversation_and_no_idempotency_key(
    tmp_path: Path,
) -> None:
    chat = {"model": "gateway-premium", "messages": [{"role": "user", "content": "A question of mine."}]}
    once = {"Idempotency-Key": "the-same"}
    async with FakeAnthropic() as fake:
        async with gateway(tmp_path, **anthropic_env(fake)) as llmgw:
            for headers in ({}, once):
                async with llmgw.http.post("/v1/chat/completions", json=chat, headers=headers) as answer:
                    assert answer.status == 200
            asked = {"model": "gateway-premium", "input": "Remember the word canary."}
            async with llmgw.http.post("/v1/responses", json=asked) as answer:
                response_id = (await answer.json())["id"]
        calls = fake.calls
        other = "the-key-of-somebody-else"
        async with (
            gateway(tmp_path, **anthropic_env(fake), GATEWAY_SECRET=other) as llmgw,
            aiohttp.ClientSession(llmgw.address, headers={"x-api-key": other}) as http,
        ):
            async with http.get(f"/v1/responses/{response_id}") as answer:
                assert answer.status == 404
            more = {"model": "gateway-premium", "input": "Which word?", "previous_response_id": response_id}
            async with http.post("/v1/responses", json=more) as answer:
                assert answer.status in (400, 404) and "canary" not in await answer.text()
            async with http.delete(f"/v1/responses/{response_id}") as answer:
                assert answer.status == 404
            async with http.post("/v1/chat/completions", json=chat) as answer:
                assert answer.status == 200 and answer.headers["x-llmgw-cache"] == "miss"
            async with http.post("/v1/chat/completions", json={**chat, "temperature": 0.5}, headers=once) as answer:
                assert answer.status == 200, "the other caller's key is not known"
            async with http.get("/v1/models", headers={"x-api-key": SECRET}) as answer:
                assert answer.status == 401
        assert fake.calls == calls + 2


def test_the_callers_of_a_team_are_those_with_its_gateways_key(tmp_path: Path) -> None:
    from gateway_core.cache.team import Team

    settings = of(tmp_path, semantic_cache_team="blue", gateway_secret=SecretStr("a-key-of-the-team"))
    own = read_keys(settings).caller
    assert Team(settings).of(own) == "blue" and Team(settings).of("somebody") == ""
    assert Team(of(tmp_path, gateway_secret="a-key-of-the-team")).of(own) == "", "sharing has to be asked for"
