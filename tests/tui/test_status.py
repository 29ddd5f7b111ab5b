"""``llmgw status`` when something that is no gateway answers."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from llmgw_tui.status import status
from tests.http.inside import make_settings


@pytest.mark.parametrize("body", [b'{"status": "ok"}', b"[]", b"[" * 100_000, b"<html>"], ids=len)
async def test_whatever_else_answers_there_is_no_gateway(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    async def anything(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", anything)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = urlsplit(f"//{runner.addresses[0][0]}:{runner.addresses[0][1]}").port
        code = await status(make_settings(tmp_path, port=port), as_json=False)
    finally:
        await runner.cleanup()

    assert code == 1
    assert "nothing answers" in capsys.readouterr().out
