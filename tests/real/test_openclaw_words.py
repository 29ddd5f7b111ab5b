"""The real OpenClaw's own classifier judges every error the gateway can give; the copy of its rules agrees with it."""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path

import pytest

from gateway_core.delivery.course import refusal_of
from gateway_core.model import JsonObject, Refusal
from gateway_core.wire import errors
from gateway_core.wire.errors import openai_error
from tests.fakes.openclaw_rules import disables
from tests.http.test_openclaw_words import ARGUMENTS, EVIL, OURS_TO_SAY, TARGET, constructors, failures_of_every_kind
from tests.real.openclaw import Installed

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

DISABLING = ("auth", "auth_permanent", "billing")
JUDGE = """
import fs from "node:fs";
const core = Object.values(await import(process.argv[2])).find((it) => it.name === "classifyFailoverSignalCore");
const signals = JSON.parse(fs.readFileSync(0, "utf8"));
const judged = signals.map((signal) => core({ ...signal, status: signal.status ?? undefined, provider: "llmgw" }));
console.log(JSON.stringify(judged.map((it) => it?.reason ?? it?.kind ?? "")));
"""


async def judge(installed: Installed, folder: Path, signals: list[JsonObject]) -> list[str]:
    """What OpenClaw takes each error for."""
    (core,) = (installed.entry.parent / "dist").glob("classify-core-*.mjs")
    script = folder / "judge.mjs"
    script.write_text(JUDGE, "utf-8")
    process = await asyncio.create_subprocess_exec(
        str(installed.node),
        str(script),
        core.as_uri(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(json.dumps(signals).encode())
    judged: list[str] = json.loads(output)
    return judged


def signals_of(refusal: Refusal) -> list[JsonObject]:
    """As a response with its status, and inside a stream."""
    error = openai_error(refusal)["error"]
    rest = {"message": refusal.message, "code": error["code"], "errorType": error["type"]}
    return [{"status": status, **rest} for status in (refusal.http_status, None)]


async def test_it_never_disables_the_gateway(installed: Installed, tmp_path: Path) -> None:
    refusals = [refusal_of(error, TARGET, named=named) for error in failures_of_every_kind() for named in (True, False)]
    for name in set(constructors()) - OURS_TO_SAY:
        make = getattr(errors, name)
        refusals.append(make(**{parameter: ARGUMENTS[parameter] for parameter in inspect.signature(make).parameters}))
    signals = [signal for refusal in set(refusals) for signal in signals_of(refusal)]
    judged = await judge(installed, tmp_path, signals)
    bad = [signal for signal, reason in zip(signals, judged, strict=True) if reason in DISABLING]
    assert len(judged) > 50 and not bad


async def test_it_disables_what_the_copied_rules_say(installed: Installed, tmp_path: Path) -> None:
    signals: list[JsonObject] = [{"status": None, "message": text} for text in EVIL if "rate" not in text]
    signals += [{"status": status, "message": "no"} for status in (401, 402, 403)]
    judged = await judge(installed, tmp_path, signals)
    for signal, reason in zip(signals, judged, strict=True):
        assert not (reason in DISABLING and not disables(signal["status"], signal["message"])), signal
    assert sum(reason in DISABLING for reason in judged) > len(signals) // 2
