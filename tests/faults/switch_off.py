"""``make test-guards``: switches off one guard after the other, and says whether its test notices.

``ARGS="WORD ..."`` takes only the guards with one of the words in their name, file or test.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from compileall import compile_dir
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

from tests.faults.mutations import Mutation, all_mutations

ROOT = Path(__file__).parents[2]
COPIED = ("gateway_core", "llmgw_tui", "tests", "pyproject.toml", "README.md", "Makefile", "requirements.lock")
AT_ONCE = os.cpu_count() or 2
HANGS_AFTER_S = 100
"""A test that hangs without its guard has failed; with it none takes so long, on the busiest machine."""
UNNEEDED = ("cacheprovider", "schemathesis", "syrupy", "textual-snapshot", "pytest_cov", "anyio", "xdist.looponfail")
"""Plugins that a guard's test does without: a run is mostly the start of pytest."""
_PYTEST = (
    "-q",
    "-x",
    "-n",
    "0",
    "--assert=plain",
    f"--timeout={HANGS_AFTER_S}",
    *(part for name in UNNEEDED for part in ("-p", f"no:{name}")),
)
TESTS_FAILED = 1
"""Pytest's exit code; any other, an error of collection too, tells nothing of the guard."""
_FAILED = re.compile(r"^\d+ failed", re.MULTILINE)
"""A pytest that cannot start exits with 1 too."""
LONGEST_S = 300
LONGEST_OF_ALL_S = 1800


@dataclass(frozen=True, slots=True)
class Outcome:
    """``problem`` is empty when the test failed without its guard."""

    mutation: Mutation
    problem: str


async def switch_off(mutation: Mutation, folder: Path) -> Outcome:
    """Runs the guard's test without the guard in ``folder``, a copy of the tree, which is then as it was."""
    file = folder / mutation.file
    whole = file.read_text("utf-8")
    if whole.count(mutation.before) != 1:
        return Outcome(mutation, f"it stands {whole.count(mutation.before)} times in {mutation.file}")
    file.write_text(whole.replace(mutation.before, mutation.after), "utf-8")
    try:
        code, said = await _pytest([mutation.test], folder)
    except TimeoutError:
        return Outcome(mutation, f"the test did not end in {LONGEST_S} s")
    finally:
        file.write_text(whole, "utf-8")
    if code == TESTS_FAILED and _FAILED.search(said):
        return Outcome(mutation, "")
    why = "the test passes without it" if code == 0 else f"pytest ended with {code}"
    return Outcome(mutation, f"{why}:\n{said[-2_000:]}")


async def _pytest(tests: Iterable[str], folder: Path, longest_s: float = LONGEST_S) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", *_PYTEST, *tests),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "LLMGW_TESTS_FORK": "no"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(longest_s):
            said, _ = await process.communicate()
    except TimeoutError:
        os.killpg(process.pid, 9)
        await process.wait()
        raise
    return process.returncode or 0, said.decode(errors="replace")


async def main(words: Sequence[str]) -> int:
    """0 when a test noticed every guard that was off, 1 otherwise."""
    waiting = [one for one in all_mutations() if not words or any(word in _all_of(one) for word in words)]
    outcomes: list[Outcome] = []
    left = list(reversed(waiting))

    async def work(folder: Path) -> None:
        while left:
            outcome = await switch_off(left.pop(), folder)
            outcomes.append(outcome)
            print("noticed" if not outcome.problem else "NOT NOTICED", "-", outcome.mutation.guard, flush=True)
            if outcome.problem:
                print(f"  {outcome.mutation.test}: {outcome.problem}", flush=True)

    with tempfile.TemporaryDirectory() as parent:
        folders = [Path(parent, str(number)) for number in range(AT_ONCE)]
        _copy_tree(folders[0])
        for folder in folders[1:]:
            shutil.copytree(folders[0], folder)
        tests = sorted({one.test for one in waiting})
        parts = (tests[number::AT_ONCE] for number in range(AT_ONCE))
        for code, said in await asyncio.gather(
            *(_pytest(part, folder, LONGEST_OF_ALL_S) for part, folder in zip(parts, folders, strict=True) if part)
        ):
            if code:
                print(f"The tests do not pass with all guards on, so that nothing can be told:\n{said[-4_000:]}")
                return 1
        print(f"{len(tests)} tests pass with all guards on.", flush=True)
        await asyncio.gather(*map(work, folders))
    bad = [outcome.mutation for outcome in outcomes if outcome.problem]
    print(f"{len(outcomes)} guards switched off, {len(bad)} of them noticed by no test")
    for mutation in bad:
        print(f"  {mutation.guard} ({mutation.file}): {mutation.test}")
    return 1 if bad or not outcomes else 0


def _copy_tree(folder: Path) -> None:
    """What the tests need, compiled once. The bytecode knows the hash of its source: that of a guard which is off is
    not taken for that of one which is on, however soon after another the file was written."""
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    compile_dir(folder, maxlevels=20, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)


def _all_of(mutation: Mutation) -> str:
    return f"{mutation.guard} {mutation.file} {mutation.test}"


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
