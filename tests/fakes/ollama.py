"""A fake Ollama: its native API replayed from recordings of a real 0.32.15, its `/v1` as :class:`FakeOpenAI` deviates.

``root`` is its address without ``/v1``. Models come and go with :meth:`add`, loads and unloads are remembered, a pull
replays the recording given with :meth:`pull_as`; the line `hold` in it waits for :meth:`Fake.resume`. ``chats`` are the
requests to `/api/chat`, ``loads`` every loading of a model with the context it got.
As a process: ``python -m tests.fakes.ollama --port 11434``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from tests.fakes import ollama_chat
from tests.fakes.openai import FakeOpenAI, embedding
from tests.fakes.script import Failure, JsonObject, Raw, Reply, serve, tokens

DATA = Path(__file__).parent.parent / "ollama" / "data"
HOLD = "hold"


def recording(name: str) -> JsonObject:
    """One recorded exchange: method, path, status and body."""
    exchange: JsonObject = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    return exchange


def pull_lines(name: str) -> tuple[list[str], int]:
    """The lines of a recorded pull, and its HTTP status."""
    lines = [line.partition("\t")[2] for line in (DATA / f"{name}.ndjson").read_text("utf-8").splitlines()]
    status = next((int(line.split()[1]) for line in lines if line.startswith("#http")), 200)
    return [line for line in lines if not line.startswith("#")], status


def _recorded_model() -> JsonObject:
    model: JsonObject = json.loads(recording("tags")["body"])["models"][0]
    return model


class FakeOllama(FakeOpenAI):
    """`/api/version`, `tags`, `ps`, `show`, `generate` (load, unload), `chat`, `pull`, `delete`, and `/v1`.

    ``native_chat`` False is a server that only mimics Ollama; ``knows_truncate`` False one from before 0.12, which cuts
    prompts whatever it is told; ``memory_context`` the largest context that its memory can hold.
    """

    def __init__(self, *models: str, key: str | None = None, default: Reply | None = None, port: int = 0) -> None:
        super().__init__(kind="ollama", key=key, models=models, default=default, port=port)
        self.tagged: dict[str, JsonObject] = {}
        self.shown: dict[str, JsonObject] = {}
        self.loaded: dict[str, JsonObject] = {}
        self.loads: list[JsonObject] = []
        self.chats: list[JsonObject] = []
        self.default_context = 4096
        self.native_chat = True
        self.knows_truncate = True
        self.memory_context: int | None = None
        self._pulls: dict[str, tuple[list[str], int]] = {}
        self._between_s: dict[str, float] = {}
        for model in models:
            self.add(model)

    @property
    def root(self) -> str:
        return self.base_url.removesuffix("/v1")

    def add(
        self,
        name: str,
        *,
        num_ctx: int | None = None,
        trained: int | None = None,
        capabilities: tuple[str, ...] = ("completion",),
        weights: str = "",
        folder: str = "/nowhere/models",
    ) -> None:
        """Puts a model on the disk: the recorded one under another name. ``weights`` are 64 hex digits of its blob."""
        digest = f"{abs(hash(name)):064x}"[-64:]
        self.tagged[name] = {
            **_recorded_model(),
            "name": name,
            "model": name,
            "digest": digest,
            "capabilities": list(capabilities),
        }
        shown: JsonObject = json.loads(recording("show")["body"])
        if weights:
            shown["modelfile"] = f'# FROM {name}\n\nFROM {folder}/blobs/sha256-{weights}\nTEMPLATE """x"""\n'
        if num_ctx:
            shown["parameters"] += f"\nnum_ctx                        {num_ctx}"
        if trained:
            shown["model_info"]["llama.context_length"] = trained
            self.tagged[name]["details"]["context_length"] = trained
        self.shown[name] = {**shown, "capabilities": list(capabilities)}
        self.models = tuple(self.tagged)

    def remove(self, name: str) -> None:
        """Takes a model from the disk."""
        for place in (self.tagged, self.shown, self.loaded):
            place.pop(name, None)
        self.models = tuple(self.tagged)

    def load(self, name: str, *, pinned: bool = False, context: int | None = None) -> None:
        """Puts a model into memory, for as long as Ollama keeps one."""
        running = json.loads(recording("ps_forever" if pinned else "ps_loaded")["body"])["models"][0]
        ends = datetime.now(UTC) + timedelta(minutes=5)
        self.loaded[name] = {
            **running,
            **({} if pinned else {"expires_at": f"{ends:%Y-%m-%dT%H:%M:%S}.574915364Z"}),
            "name": name,
            "model": name,
            "context_length": context or self.default_context,
        }

    def pull_as(self, name: str, recorded: str, *, hold_after: int | None = None, between_s: float = 0.0) -> None:
        """What a pull of ``name`` does; with ``hold_after`` it stands still after so many lines."""
        lines, status = pull_lines(recorded)
        self._between_s[name] = between_s
        if hold_after is not None:
            lines.insert(hold_after, HOLD)
        self._pulls[name] = (lines, status)

    def routes(self, app: web.Application) -> None:
        super().routes(app)
        app.router.add_get("/", self._root)
        app.router.add_get("/api/version", self._version)
        app.router.add_get("/api/tags", self._tags)
        app.router.add_get("/api/ps", self._ps)
        app.router.add_post("/api/show", self._show)
        app.router.add_post("/api/generate", self._generate)
        app.router.add_post("/api/chat", self._native_chat)
        app.router.add_post("/api/embed", self._embed)
        app.router.add_post("/api/pull", self._pull)
        app.router.add_delete("/api/delete", self._delete)

    async def _root(self, request: web.Request) -> web.Response:
        return web.Response(text="Ollama is running")

    async def _version(self, request: web.Request) -> web.Response:
        return _as_recorded("version")

    async def _tags(self, request: web.Request) -> web.Response:
        return web.json_response({"models": list(self.tagged.values())})

    async def _ps(self, request: web.Request) -> web.Response:
        return web.json_response({"models": list(self.loaded.values())})

    async def _show(self, request: web.Request) -> web.Response:
        name = (await request.json())["model"]
        return web.json_response(self.shown[name]) if name in self.shown else _not_found(name)

    async def _generate(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.loads.append(body)
        name = body["model"]
        if name not in self.tagged:
            return _not_found(name)
        if body.get("keep_alive") == 0:
            self.loaded.pop(name, None)
            return _as_recorded("unload")
        keep_alive = body.get("keep_alive", 0)
        context = body.get("options", {}).get("num_ctx")
        self.load(name, pinned=isinstance(keep_alive, int) and keep_alive < 0, context=context)
        return _as_recorded("load")

    async def _native_chat(self, request: web.Request) -> web.StreamResponse:
        if not self.native_chat:
            return web.Response(text="404 page not found", status=404)
        body = await self.receive(request)
        self.chats.append(body)
        if not self._may(request):
            return web.json_response({"error": "unauthorized"}, status=401)
        name = body["model"]
        if name not in self.tagged:
            return _not_found(name)
        if said := ollama_chat.problem(body, self.tagged[name]["capabilities"]):
            self.rejected.append(said)
            return web.json_response({"error": said}, status=400)
        step = await self.next_step()
        if isinstance(step, Failure):
            return web.json_response({"error": step.message}, status=step.status, headers=step.headers)
        if isinstance(step, Raw):
            return await self.raw(request, step)
        if refused := self._place(body):
            return refused
        prompt, context = ollama_chat.prompt_tokens(body), self.loaded[name]["context_length"]
        if prompt > context:
            if self.knows_truncate and body.get("truncate") is False:
                return web.json_response({"error": ollama_chat.too_long(prompt, context)}, status=400)
            if self.knows_truncate and body.get("shift") is False:
                return web.json_response({"error": ollama_chat.SHIFT_OFF}, status=400)
            prompt = context // 2 + 2
        self.calls += 1
        self.input_tokens += prompt
        answer = ollama_chat.lines(body, step, prompt, context - prompt)
        if body.get("stream") is False:
            return web.json_response(ollama_chat.whole(answer))
        failed = json.dumps({"error": ollama_chat.KILLED}).encode() + b"\n"
        return await self.stream(request, step, ollama_chat.encode(answer), failed, "application/x-ndjson")

    def _place(self, body: JsonObject) -> web.Response | None:
        """Has the model loaded as the request wants it; one with another context is replaced, and its pin is gone."""
        name, keep_alive = body["model"], body.get("keep_alive")
        own = [line.split()[1] for line in self.shown[name]["parameters"].splitlines() if line.startswith("num_ctx")]
        wanted = body.get("options", {}).get("num_ctx") or (int(own[0]) if own else self.default_context)
        wanted = min(wanted, self.tagged[name]["details"]["context_length"])
        running = self.loaded.get(name)
        if running is None or running["context_length"] != wanted:
            if self.memory_context and wanted > self.memory_context:
                said = "model requires more system memory (9.9 GiB) than is available (5.6 GiB)"
                return web.json_response({"error": said}, status=500)
            self.loads.append({"model": name, "num_ctx": wanted})
            self.load(name, context=wanted)
        if keep_alive is not None:
            self.load(name, pinned=isinstance(keep_alive, int) and keep_alive < 0, context=wanted)
        return None

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        """Vectors that are twice as long as they should be, as some models' are; prompts over 512 tokens are cut."""
        body = await self.receive(request)
        name = body["model"]
        if name not in self.tagged:
            return web.json_response({"error": f'model "{name}" not found, try pulling it first'}, status=404)
        if "embedding" not in self.tagged[name]["capabilities"]:
            return web.json_response({"error": "this model does not support embeddings"}, status=501)
        step = await self.next_step()
        if isinstance(step, Raw):
            return await self.raw(request, step)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        if any(tokens(text) > 512 for text in texts) and body.get("truncate", True) is False:
            return web.json_response({"error": "the input length exceeds the context length"}, status=400)
        vectors = [[2 * number for number in embedding(text, body.get("dimensions") or 6)] for text in texts]
        used = sum(min(512, tokens(text)) for text in texts)
        return web.json_response({"model": name, "embeddings": vectors, "prompt_eval_count": used})

    async def _delete(self, request: web.Request) -> web.Response:
        name = (await request.json())["model"]
        if name not in self.tagged:
            return _not_found(name)
        self.remove(name)
        return web.Response()

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        body = await self.receive(request)
        name = body["model"]
        lines, status = self._pulls.get(name) or pull_lines("pull_gone")
        if status != 200:
            return web.Response(text=lines[0], status=status, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        try:
            await response.prepare(request)
            for line in lines:
                if line == HOLD:
                    await self._resume.wait()
                    continue
                await response.write(f"{line}\n".encode())
                if line is not lines[-1] and (pause_s := self._between_s.get(name)):
                    await asyncio.sleep(pause_s)
            if json.loads(lines[-1]).get("status") == "success":
                self.add(name)
            await response.write_eof()
        except (ConnectionResetError, asyncio.CancelledError):
            self.disconnects += 1
            await asyncio.shield(self._tell())
            raise
        return response


def _as_recorded(name: str) -> web.Response:
    exchange = recording(name)
    return web.Response(text=exchange["body"], status=exchange["status"], content_type="application/json")


def _not_found(name: str) -> web.Response:
    return web.json_response({"error": f"model '{name}' not found"}, status=404)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", action="append", default=None)
    parser.add_argument("--between", type=float, default=0.0, help="seconds between two events")
    parser.add_argument("--pull-between", type=float, default=0.06, help="seconds between two lines of a pull")
    options = parser.parse_args()
    fake = FakeOllama(*(options.model or ["smollm2:135m"]), port=options.port, default=Reply(between_s=options.between))
    fake.pull_as("qwen3:8b", "pull_slow_resumed", between_s=options.pull_between)
    asyncio.run(serve(fake))


if __name__ == "__main__":
    main()
