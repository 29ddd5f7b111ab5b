"""A fake of Ollama's registry: manifests under `/v2/<namespace>/<model>/manifests/<tag>`, as Ollama's own package
`server/internal/manifest` describes them (2025-09). ``asked`` are the paths it was asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from types import TracebackType

from aiohttp import web

from tests.fakes.script import JsonObject

GB = 1_000_000_000


def manifest(weights: str = "a" * 64, weights_bytes: int = 4 * GB, template: str = "b" * 64) -> JsonObject:
    """A manifest of one model; the arguments are the 64 hex digits of its blobs."""
    kind = "application/vnd.ollama.image"
    return {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": f"sha256:{'c' * 64}",
            "size": 487,
        },
        "layers": [
            {"mediaType": f"{kind}.model", "digest": f"sha256:{weights}", "size": weights_bytes},
            {"mediaType": f"{kind}.template", "digest": f"sha256:{template}", "size": 1429},
        ],
    }


def encoded(content: JsonObject) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def digest_of(content: JsonObject) -> str:
    """What Ollama shows as the digest of a model with this manifest."""
    return hashlib.sha256(encoded(content)).hexdigest()


class FakeRegistry:
    """``models`` are manifests by ``namespace/model:tag``, or a status to answer with."""

    def __init__(self, models: Mapping[str, JsonObject | int]) -> None:
        self.models = dict(models)
        self.asked: list[str] = []
        self.root = ""

    async def __aenter__(self) -> FakeRegistry:
        app = web.Application()
        app.router.add_get("/v2/{namespace}/{model}/manifests/{tag}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.root = "http://{}:{}".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        name = "{namespace}/{model}:{tag}".format(**request.match_info)
        found = self.models.get(name, 404)
        if isinstance(found, int):
            return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, status=found)
        return web.Response(body=encoded(found), content_type="application/json")
