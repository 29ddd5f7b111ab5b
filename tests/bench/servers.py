"""What is measured: the stand-in itself, a plain proxy, ``llmgw`` and its peers, each a real process on one core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.bench.machine import GATEWAY_CORE, LOAD_CORE, on_core
from tests.bench.peers import LITELLM, PORTKEY, Missing
from tests.bench.upstream import CALLS, PACE, Pace
from tests.start_cost import SECRET, environment, first_answer, free_port, started

DIRECT, RAW, PLAIN, LLMGW = "direct", "aiohttp", "aiohttp (orjson)", "llmgw"
SETTINGS = {
    "LOCAL_LLM_ENABLED": "false",
    "BUILTIN_MODEL": "off",
    "ROUTER_EMBEDDING": "off",
    "SEMANTIC_CACHE": "off",
    "RATE_LIMIT_RPM": "0",
    "RATE_LIMIT_TPM": "0",
    "DAILY_BUDGET_SOFT": "100000",
    "DAILY_BUDGET_MEDIUM": "100000",
    "DAILY_BUDGET_HARD": "100000",
}
"""What is not as it comes: the log, the ledger and the exact cache are on, and what would work beside the requests is
off."""
MODEL = "gateway-cheap"
PEER_KEY = "sk-bench-0f6b1c7d9e2a48538a1d4c7be5f09321"
ROOT = Path(__file__).parents[2]
START_WORK_S = 25.0
"""After the first answer: what ``llmgw`` does in the background after a start is done by then."""
SLOW_STARTS = 4
"""Times the usual patience for a gateway that needs ten seconds of CPU to start."""


@dataclass(frozen=True, slots=True)
class Provider:
    """The stand-in for the provider."""

    url: str
    pid: int

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def set_pace(self, pace: Pace) -> None:
        self._ask(PACE.decode(), json.dumps(asdict(pace)).encode())

    def calls(self) -> int:
        """How often it was asked for an answer."""
        return int(json.loads(self._ask(CALLS.decode(), None))["calls"])

    def _ask(self, path: str, body: bytes | None) -> bytes:
        with urllib.request.urlopen(self.url + path, body, timeout=30) as answer:
            return bytes(answer.read())


@dataclass(frozen=True, slots=True)
class Server:
    """Something that answers chat completions at a port; ``pid`` is 0 for the stand-in itself."""

    name: str
    port: int
    pid: int
    model: str = "gpt-4o-mini"
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "/v1/chat/completions"


Starts = Callable[[Path, Provider], AbstractContextManager[Server]]
"""Starts a server in a folder, for the length of a block."""


@contextmanager
def provider() -> Iterator[Provider]:
    """The stand-in, on the core of the load."""
    command = [sys.executable, "-m", "tests.bench.upstream"]
    with on_core(LOAD_CORE):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout
        try:
            yield Provider(process.stdout.readline().strip(), process.pid)
        finally:
            process.terminate()


@contextmanager
def direct(folder: Path, given: Provider) -> Iterator[Server]:
    """The load asks the stand-in: what the tools themselves take."""
    yield Server(DIRECT, given.port, 0)


@contextmanager
def _process(command: list[str], variables: dict[str, str], log: Path, terminal: int | None = None) -> Iterator[int]:
    """On the core of the gateways; its number. What it prints is in the log, unless it has a terminal."""
    with ExitStack() as stack:
        printed = stack.enter_context(log.open("a+b")).fileno() if terminal is None else terminal
        with on_core(GATEWAY_CORE):
            pid = stack.enter_context(started(command, variables, printed))
        yield pid


def plain(name: str, *mode: str) -> Starts:
    """The plain proxy."""

    @contextmanager
    def start(folder: Path, given: Provider) -> Iterator[Server]:
        port = free_port()
        command = [sys.executable, "-m", "tests.bench.baseline", str(port), given.url, *mode]
        with _process(command, {"PYTHONPATH": str(ROOT)}, folder / "log") as pid:
            first_answer(port, "GET", "/health")
            yield Server(name, port, pid)

    return start


def llmgw(folder: Path, given: Provider, *, terminal: int | None = None, **more: str) -> AbstractContextManager[Server]:
    """``llmgw serve``, or the control centre with the gateway inside on a ``terminal``."""
    return _llmgw(folder, given, terminal, more)


@contextmanager
def _llmgw(folder: Path, given: Provider, terminal: int | None, more: Mapping[str, str]) -> Iterator[Server]:
    port, data = free_port(), folder / "data"
    data.mkdir(exist_ok=True)
    paid = {"GROQ_API_KEY": "gsk_bench0123456789", "GROQ_BASE_URL": f"{given.url}/v1", "CHEAP_PROVIDER": "groq"}
    looks = {"TERM": "xterm-256color", "COLORTERM": "truecolor"} if terminal is not None else {}
    variables = environment(data, port, **SETTINGS, **paid, **looks, **more)
    command = [sys.executable, "-m", "llmgw_tui.cli", *(("serve",) if terminal is None else ())]
    with _process(command, variables, folder / "log", terminal) as pid:
        first_answer(port, "GET", "/health")
        time.sleep(START_WORK_S)
        yield Server(LLMGW, port, pid, MODEL, {"Authorization": f"Bearer {SECRET}"})


@contextmanager
def portkey(folder: Path, given: Provider) -> Iterator[Server]:
    """Told by headers where to pass a request on to."""
    port = free_port()
    command = ["node", str(PORTKEY.installed()), f"--port={port}", "--headless"]
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{given.url}/v1"}
    with _process(command, _home(folder), folder / "log") as pid:
        first_answer(port, "GET", "/")
        yield Server(PORTKEY.name, port, pid, headers={**headers, "Authorization": "Bearer sk-bench"})


@contextmanager
def litellm(folder: Path, given: Provider) -> Iterator[Server]:
    """With one worker, a key and no database."""
    port, program = free_port(), LITELLM.installed()
    passed_on = {"model": "openai/gpt-4o-mini", "api_base": f"{given.url}/v1", "api_key": "sk-bench"}
    config = {"model_list": [{"model_name": "gpt-4o-mini", "litellm_params": passed_on}]}
    (folder / "config.yaml").write_text(json.dumps(config))
    options = ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    variables = {**_home(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": PEER_KEY}
    with _process([str(program), "--config", str(folder / "config.yaml"), *options], variables, folder / "log") as pid:
        _patiently(pid, port, "/health/liveliness")
        yield Server(LITELLM.name, port, pid, headers={"Authorization": f"Bearer {PEER_KEY}"})


def _patiently(pid: int, port: int, path: str) -> None:
    """Waits for the first answer of what takes long to start."""
    for left in reversed(range(SLOW_STARTS)):
        try:
            return first_answer(port, "GET", path)
        except AssertionError:
            if not left or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                raise


def _home(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder)}


def started_all(stack: ExitStack, folder: Path, given: Provider, *, peers: bool) -> list[Server]:
    """All that is measured side by side. A peer that cannot be had is left out, and said to be."""
    ways: dict[str, Starts] = {DIRECT: direct, RAW: plain(RAW), PLAIN: plain(PLAIN, "orjson"), LLMGW: llmgw}
    if peers:
        ways |= {PORTKEY.name: portkey, LITELLM.name: litellm}
    found = []
    for number, (name, start) in enumerate(ways.items()):
        own = folder / f"server-{number}"
        own.mkdir()
        try:
            found.append(stack.enter_context(start(own, given)))
        except Missing as missing:
            print(f"{missing}; it is left out.", file=sys.stderr)
        except AssertionError:
            log = own / "log"
            told = log.read_text(errors="replace")[-1_000:] if log.exists() else ""
            raise RuntimeError(f"{name} does not answer: {told}") from None
    return found
