"""An answer that repeats a key reaches its client as it is, and nothing that is recorded or shown holds the key."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from gateway_core.gateway import Gateway
from llmgw_tui.exports.exported import export
from llmgw_tui.source_http import HttpSource
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import KEY, Client, client, make_settings, said, with_claude

PATHS = ("snapshot", "requests?q=", "cache/entries", "cache/hits", "log")


async def told(llmgw: Client, request_id: str) -> str:
    """Everything that the control surface and the exports tell of a request."""
    paths = (*PATHS, f"requests/{request_id}", f"requests/{request_id}/upstream")
    pages = [json.dumps(await llmgw.get(f"/api/{path}")) for path in paths]
    source = HttpSource(llmgw.gateway.address, KEY)
    source.open()
    detail, parts = await source.detail(request_id), await source.parts(request_id)
    await source.close()
    assert detail is not None and parts is not None
    exports = [export(detail, parts, "http://127.0.0.1:8000", form).text for form in ("curl", "python", "json")]
    return "\n".join([*pages, *exports])


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake's words come in pieces of five characters, so that no chunk holds a key."""
    monkeypatch.setattr(
        "tests.fakes.anthropic.pieces", lambda text: [text[at : at + 5] for at in range(0, len(text), 5)]
    )


@pytest.mark.usefixtures("split")
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("whose", ["the gateway's", "a provider's"])
async def test_an_answer_that_repeats_a_key_is_given_and_not_recorded(tmp_path: Path, whose: str, stream: bool) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        key = KEY if whose == "the gateway's" else fake.key
        text = f"Your key is {key}, keep it."
        fake.script(Reply(text=text, reasoning=f"It says {key}", tools=(("login", {"key": key}),)))
        tools = [{"type": "function", "function": {"name": "login", "parameters": {"type": "object"}}}]
        if stream:
            headers, chunks = await llmgw.stream("What is my key?", tools=tools, reasoning_effort="high")
            assert said(chunks) == text
            assert not any(key in said([chunk]) for chunk in chunks), "no chunk holds it whole"
        else:
            _, headers, body = await llmgw.chat("What is my key?", tools=tools, reasoning_effort="high")
            message = body["choices"][0]["message"]
            assert message["content"] == text
            assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"key": key}
        shown = await told(llmgw, headers["x-llmgw-request-id"])
        assert key not in shown and "Your key is [masked], keep it." in shown
        found = await llmgw.get(f"/api/requests?q={key}")
        assert found["requests"] == []
    assert key.encode() not in on_disk(tmp_path)


async def test_it_is_cached_for_nobody_and_the_next_one_is_answered_anew(tmp_path: Path) -> None:
    async with (
        FakeAnthropic(default=Reply(text=f"It is {KEY}.")) as fake,
        client(tmp_path, **with_claude(fake)) as llmgw,
    ):
        for _ in range(2):
            _, headers, body = await llmgw.chat("What is it?")
            assert body["choices"][0]["message"]["content"] == f"It is {KEY}."
            assert headers["x-llmgw-cache"] == "miss"
    assert fake.calls == 2


async def test_a_question_with_a_key_is_recorded_without_it_and_cannot_be_run_again(tmp_path: Path) -> None:
    question = "x" * 150 + f" {KEY} is it right?"
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, headers, _ = await llmgw.chat(question)
        request_id = headers["x-llmgw-request-id"]
        shown = await told(llmgw, request_id)
        offers = await llmgw.get(f"/api/requests/{request_id}/replays")
        sent = json.dumps(fake.requests)
    assert KEY in sent, "what is asked goes to the model as it is"
    assert KEY not in shown and "test-" not in (await _preview(shown))
    assert "A secret was taken out" in offers["problem"]
    assert KEY.encode() not in on_disk(tmp_path)


async def _preview(shown: str) -> str:
    return str(json.loads(shown.splitlines()[0])["requests"][0]["preview"])


@pytest.mark.usefixtures("split")
async def test_the_words_of_a_replay_are_shown_without_it(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, headers, _ = await llmgw.chat("What is my key?")
        fake.script(Reply(text=f"Your key is {KEY}, keep it."))
        _, begun = await llmgw.post("/api/commands/replay", request_id=headers["x-llmgw-request-id"], tier="premium")
        address = f"/api/replays/{begun['value']}"
        while not (progress := await llmgw.get(address))["done"]:  # noqa: ASYNC110 - its end is told to nobody
            await asyncio.sleep(0.01)
    assert progress["text"] == "Your key is [masked], keep it."


async def test_a_key_that_was_made_at_the_first_start_is_known_too(tmp_path: Path) -> None:
    from gateway_core.http.server import make_app

    gateway = await Gateway.open(make_settings(tmp_path, gateway_secret=None))
    make_app(gateway)
    made = (tmp_path / "secret").read_text()
    assert gateway.event_log.redactor.recorded.masked(f"it is {made}") == "it is [masked]"
    await gateway.close()
