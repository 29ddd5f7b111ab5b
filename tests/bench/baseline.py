"""A plain proxy on aiohttp, without any logic: the measure of the machine. ``python -m tests.bench.baseline PORT URL
[orjson]``.

With ``orjson`` it reads the bodies of requests and of whole answers and writes them anew, as a gateway has to that
looks at them; else it passes the bytes on.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import orjson
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

_OWN = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
_SESSION = web.AppKey("session", ClientSession)


def proxy(upstream: str, *, parses: bool) -> web.Application:
    """The application. ``upstream`` is the address that it adds the path to."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if parses:
            body = orjson.dumps(orjson.loads(body))
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OWN}
        session = request.app[_SESSION]
        async with session.post(upstream + request.rel_url.raw_path, data=body, headers=headers) as given:
            if given.headers.get("content-type", "").startswith("text/event-stream"):
                response = web.StreamResponse(status=given.status, headers={"content-type": "text/event-stream"})
                await response.prepare(request)
                async for piece in given.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
                return response
            told = await given.read()
            if parses:
                told = orjson.dumps(orjson.loads(told))
            return web.Response(body=told, status=given.status, content_type="application/json")

    async def with_session(app: web.Application) -> AsyncIterator[None]:
        connector = TCPConnector(limit=0, keepalive_timeout=60)
        async with ClientSession(connector=connector, timeout=ClientTimeout(600), auto_decompress=False) as session:
            app[_SESSION] = session
            yield

    async def health(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application(client_max_size=64 << 20)
    app.cleanup_ctx.append(with_session)
    app.add_routes([web.get("/health", health), web.post("/{path:.*}", handle)])
    return app


if __name__ == "__main__":
    app = proxy(sys.argv[2], parses=sys.argv[3:] == ["orjson"])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
