"""What a start costs and how large the processes are, with the parts of ``make bench-start``."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.encoder import put_into
from tests.bench.findings import Finding
from tests.start_cost import CHEAP, Case, Start, cases, free_port, middle, serve, upstream

OFF = {"LOCAL_LLM_ENABLED": "false"}
OTHERS = "LiteLLM {litellm}, Portkey {portkey}, bare aiohttp {bare} here"


def findings(rounds: int) -> list[Finding]:
    """Medians of rounds in which each is started once."""
    with ExitStack() as stack:
        kept = Path(stack.enter_context(tempfile.TemporaryDirectory()), "kept")
        url = stack.enter_context(upstream("tests.fakes.anthropic"))
        claude = {"ANTHROPIC_API_KEY": "sk-ant-fake-0123456789", "ANTHROPIC_BASE_URL": url, **OFF}
        url = stack.enter_context(upstream("tests.fakes.openai", "--key", "sk-fake", "--model", CHEAP))
        keys = {"OPENAI_API_KEY": "sk-fake", "OPENAI_BASE_URL": url}
        openai = {**keys, "CHEAP_PROVIDER": "openai", "CHEAP_MODEL": CHEAP, **OFF}
        kept.mkdir()
        put_into(kept)
        serve(kept, "gateway-premium", claude, rest_s=0.0)(free_port())
        chosen = cases(claude, openai, kept, None)
        starts: dict[str, list[Start]] = {case.name: [] for case in chosen}
        for number in range(rounds):
            print(f"starts, round {number + 1} of {rounds}", file=sys.stderr)
            for case in chosen:
                starts[case.name].append(case.run(free_port()))
    bare, *others = chosen
    measure = middle(starts[bare.name])
    return [finding for case in others for finding in _of(case, middle(starts[case.name]), measure)]


def _of(case: Case, found: Start, bare: Start) -> list[Finding]:
    """What is limited of a case."""
    limits, none = case.limits.on(bare.cpu_s), float("inf")
    times = OTHERS.format(litellm="8.5", portkey=".5", bare=f"{bare.cpu_s:.2f}")
    sizes = OTHERS.format(litellm="333", portkey="93", bare=f"{bare.rss_mb:.0f}")
    figures = (
        (f"start, {case.name}: CPU", found.cpu_s, "s", limits.cpu_s, times),
        (f"memory, {case.name}: all processes", found.rss_mb, "MB", limits.rss_mb, sizes),
    )
    return [Finding(name, value, unit, most, beside) for name, value, unit, most, beside in figures if most < none]
