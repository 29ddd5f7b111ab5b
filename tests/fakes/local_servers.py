"""Fakes of local servers that are not Ollama, as their documentation tells of them (looked up 2026-11-28).

LM Studio: docs/developer/rest (REST API v0 and, from 0.4.0, v1). LocalAI: docs/reference/system-info. vLLM: its
OpenAI-compatible server's `/v1/models` and `/version`. llama.cpp: tools/server's `/v1/models`, `/props` and router.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

Json = Any


class FakeServer:
    """Answers GET paths with JSON, and remembers what was posted. ``root`` is its address without ``/v1``."""

    def __init__(self, answers: Mapping[str, Json]) -> None:
        self.answers = dict(answers)
        self.posted: list[tuple[str, Json]] = []
        self.root = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._get)
        app.router.add_post("/{path:.*}", self._post)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.root = "http://{}:{}".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _get(self, request: web.Request) -> web.Response:
        if request.path not in self.answers:
            return web.json_response({"error": f"Unexpected endpoint or method. (GET {request.path})"}, status=404)
        return web.json_response(self.answers[request.path])

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.posted.append((request.path, body))
        return self.post(request.path, body)

    def post(self, path: str, body: Json) -> web.Response:
        return web.json_response({"error": "no such endpoint"}, status=404)


class FakeLMStudio(FakeServer):
    """LM Studio 0.4 with a language model and one for embeddings; without ``v1``, one before 0.4."""

    def __init__(self, *, v1: bool = True) -> None:
        self._context = 4096
        super().__init__({"/v1/models": {"object": "list", "data": [_model("qwen2-vl-7b"), _model("nomic-embed")]}})
        self._v1 = v1
        self._tell(loaded=False)

    def _tell(self, *, loaded: bool) -> None:
        shared = {"object": "model", "publisher": "mlx-community", "compatibility_type": "gguf"}
        chat: Json = {**shared, "id": "qwen2-vl-7b", "type": "vlm", "arch": "qwen2_vl", "quantization": "4bit"}
        chat |= {
            "state": "loaded" if loaded else "not-loaded",
            "max_context_length": 32768,
            "capabilities": ["tool_use"],
        }
        if loaded:
            chat["loaded_context_length"] = self._context
        embeds: Json = {
            **shared,
            "id": "nomic-embed",
            "type": "embeddings",
            "arch": "nomic-bert",
            "quantization": "Q4_0",
        }
        embeds |= {"state": "not-loaded", "max_context_length": 2048}
        self.answers["/api/v0/models"] = {"object": "list", "data": [chat, embeds]}
        instances = [{"id": "qwen2-vl-7b:1", "config": {"context_length": self._context}}] if loaded else []
        if self._v1:
            self.answers["/api/v1/models"] = {
                "models": [
                    {
                        "type": "llm",
                        "key": "qwen2-vl-7b",
                        "size_bytes": 4_700_000_000,
                        "params_string": "7B",
                        "loaded_instances": instances,
                    },
                    {"type": "embedding", "key": "nomic-embed", "size_bytes": 274_290_560, "loaded_instances": []},
                ]
            }

    def post(self, path: str, body: Json) -> web.Response:
        if path == "/api/v1/models/load" and body["model"] == "qwen2-vl-7b":
            self._context = body.get("config", {}).get("context_length", 4096)
            self._tell(loaded=True)
            return web.json_response({"model_instance_id": "qwen2-vl-7b:1", "load_time_seconds": 0.1})
        if path == "/api/v1/models/unload" and body == {"instance_id": "qwen2-vl-7b:1"}:
            self._tell(loaded=False)
            return web.json_response(body)
        return web.json_response({"error": {"message": "model not found"}}, status=404)


def local_ai() -> FakeServer:
    """LocalAI with two models, of which one is loaded; it answers Ollama's `/api/version` as well."""
    process = {"pid": 7, "rss_bytes": 900_000_000, "memory_percent": 5.5}
    running = {"id": "phi-4", "backend": "llama-cpp", "process": process, "size_vram": 2_000_000_000}
    return FakeServer(
        {
            "/v1/models": {
                "object": "list",
                "data": [{"id": "phi-4", "object": "model"}, {"id": "whisper", "object": "model"}],
            },
            "/system": {"backends": ["llama-cpp"], "loaded_models": [running]},
            "/version": {"version": "v4.9.0"},
            "/api/version": {"version": "0.9.0"},
        }
    )


def vllm() -> FakeServer:
    """vLLM with the one model that it was started with."""
    model = {**_model("Qwen/Qwen3-8B", "vllm"), "root": "Qwen/Qwen3-8B", "parent": None, "max_model_len": 40960}
    return FakeServer({"/v1/models": {"object": "list", "data": [model]}, "/version": {"version": "0.11.0"}})


def llama_cpp() -> FakeServer:
    """llama.cpp's server with one model that can see."""
    meta = {"n_ctx_train": 262144, "n_params": 34_660_608_768, "size": 22_000_000_000, "n_vocab": 151936}
    return FakeServer(
        {
            "/v1/models": {"object": "list", "data": [{**_model("Qwen3.6-35B", "llamacpp"), "meta": meta}]},
            "/props": {
                "default_generation_settings": {"n_ctx": 65536},
                "total_slots": 4,
                "modalities": {"vision": True, "audio": False},
                "build_info": "b8681",
            },
        }
    )


def llama_cpp_router() -> FakeServer:
    """llama.cpp's server in router mode, which loads a model when it is asked for."""
    entries = [
        {**_model(name, "llamacpp"), "status": {"value": state}} for name, state in (("a", "loaded"), ("b", "unloaded"))
    ]
    return FakeServer({"/v1/models": {"object": "list", "data": entries}})


def _model(name: str, owner: str = "organization_owner") -> Json:
    return {"id": name, "object": "model", "created": 1_795_000_000, "owned_by": owner}
