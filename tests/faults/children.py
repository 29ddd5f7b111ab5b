"""The two processes that a gateway starts beside itself, quick ones in their place, and how they are found and hurt.

Both are real processes under the gateway's own supervision: the encoder's has the real LanceDB and vectors of words,
the built-in model's speaks its protocol. The Python here is run by the gateway's process first.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess

from tests.e2e.forks import ROOT
from tests.e2e.harness import GatewayProcess
from tests.faults.disk import LONGEST_S

_ENCODER = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from gateway_core.cache.encoder import child
from gateway_core.cache.encoder.opening import Opened
from tests.cache.fakes import FakeEncoder
child.open_encoder = lambda choice: Opened(FakeEncoder(), None, "words", "onnx")
child.main()
"""

_WITH_ENCODER = """
import functools, sys
from gateway_core.cache import semantic
PROGRAM = %s
semantic.child_command = lambda folder, choice: [sys.executable, "-c", PROGRAM, str(folder or "-"), choice.pack()]
semantic.Worker = functools.partial(semantic.Worker, backoff_s=(0.1, 0.1, 0.1), stuck_s=2.0)
"""
ENCODER = _WITH_ENCODER % repr(_ENCODER)
DYING_ENCODER = _WITH_ENCODER % repr(_ENCODER.replace("child.main()", "sys.exit(1)"))

_MODEL = """
import json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Model(BaseHTTPRequestHandler):
    def do_GET(self):
        self._send({"status": "ok"})
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = asked["messages"][-1]["content"]
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        head = {"id": "c", "created": 1, "model": asked["model"], "usage": usage}
        if not asked.get("stream"):
            message = {"role": "assistant", "content": "It lives."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return self._send(head | {"object": "chat.completion", "choices": [choice]})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for delta, reason in (({"role": "assistant", "content": "It "}, None), ({"content": "lives."}, "stop")):
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            chunk = head | {"object": "chat.completion.chunk", "choices": [choice]}
            self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\\n\\n")
            self.wfile.flush()
            if "stall" in str(said):
                time.sleep(600)
        self.wfile.write(b"data: [DONE]\\n\\n")
    def _send(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, format, *args):
        pass

sys.stdin.readline()
server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
os._exit(0)
"""

MODEL = f"""
import functools, sys
from gateway_core import composition
composition.BuiltinModel = functools.partial(
    composition.BuiltinModel, server_command=(sys.executable, "-c", {_MODEL!r}), restart_pause_s=0.05, look_s=0.5)
"""
"""Of a stream that is asked for with ``stall`` one piece comes."""


def child_of(llmgw: GatewayProcess) -> int | None:
    """The one process that the gateway has started."""
    found = subprocess.run(["pgrep", "-P", str(llmgw.process.pid)], capture_output=True, text=True).stdout.split()
    assert len(found) < 2, found
    return int(found[0]) if found else None


async def child_there(llmgw: GatewayProcess, other_than: int | None = None) -> int:
    """The gateway's child once there is one, ``other_than`` that of before."""
    async with asyncio.timeout(LONGEST_S):
        while (child := child_of(llmgw)) is None or child == other_than:  # noqa: ASYNC110  another process starts it
            await asyncio.sleep(0.05)
    return child


def hurt(child: int, how: signal.Signals) -> None:
    os.kill(child, how)
