"""``llmgw labels``, with a gateway and without one."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway_core.settings import Settings
from gateway_core.store.lock import FolderLock
from llmgw_tui.arguments import make_parser
from llmgw_tui.labelling import labels
from tests.http.inside import Client, client, make_settings
from tests.tui.test_text import is_harmless

Printed = pytest.CaptureFixture[str]
LINES = '{"prompt": "Hello \\u001b[2Jthere", "tier": "local"}\n\n{"prompt": "Prove it", "weak": 0.1, "strong": 0.9}\n'


async def run(settings: Settings, capsys: Printed, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    code = await labels(settings, make_parser().parse_args(["labels", *words]))
    return code, *capsys.readouterr()


def of(llmgw: Client, folder: Path) -> Settings:
    return make_settings(folder, port=int(llmgw.gateway.address.rpartition(":")[2]))


def stopped(folder: Path) -> Settings:
    return make_settings(folder, port=1)


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "labels.jsonl").write_text(LINES)
    return str(tmp_path / "labels.jsonl")


async def test_a_running_gateway_takes_labels_in_and_gives_them_out(tmp_path: Path, capsys: Printed, file: str) -> None:
    async with client(tmp_path / "data") as llmgw:
        settings = of(llmgw, tmp_path / "data")
        taken = await run(settings, capsys, "import", file)
        _, table, _ = await run(settings, capsys)
        _, lines, _ = await run(settings, capsys, "export")
        again = await run(settings, capsys, "import", file)
        unsure = await run(settings, capsys, "forget")
        forgotten = await run(settings, capsys, "forget", "--yes")
        _, nothing, _ = await run(settings, capsys, "list")
    assert (taken[0], again[0]) == (0, 0) and "2 labels taken in" in taken[1]
    assert "premium  Prove it" in table and all(is_harmless(line) for line in (table + lines).splitlines())
    exported = [json.loads(line) for line in lines.splitlines()]
    assert {(one["prompt"], one["wanted"]) for one in exported} == {("Hello \x1b[2Jthere", 0.0), ("Prove it", 0.8)}
    assert unsure[0] == 2 and "--yes" in unsure[2]
    assert forgotten[0] == 0 and "2 labels forgotten" in forgotten[1] and "no labels yet" in nothing


async def test_without_a_gateway_the_folder_itself_does_and_the_next_start_learns_from_it(
    tmp_path: Path, capsys: Printed, file: str
) -> None:
    folder = tmp_path / "data"
    none = await run(stopped(folder), capsys, "list")
    taken = await run(stopped(folder), capsys, "import", file)
    _, lines, _ = await run(stopped(folder), capsys, "export")
    async with client(folder) as llmgw:
        status = await llmgw.get("/api/routing/learning")
    forgotten = await run(stopped(folder), capsys, "forget", "--yes")
    assert none[0] == 1 and "nothing was recorded" in none[2]
    assert taken[0] == 0 and len(lines.splitlines()) == 2 and status["labels"] == 2
    assert forgotten[0] == 0 and "2 labels forgotten" in forgotten[1]


async def test_a_folder_that_a_gateway_of_another_address_has_is_left_alone(
    tmp_path: Path, capsys: Printed, file: str
) -> None:
    lock = FolderLock.acquire(tmp_path / "data")
    try:
        code, _, why = await run(stopped(tmp_path / "data"), capsys, "import", file)
    finally:
        lock.release()
    assert code == 1 and str(tmp_path / "data") in why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"prompt": "x", "tier": "local"}\n\nnope', "line 3 is not JSON"),
        ('{"prompt": "x", "tier": "local"}\n{"prompt": "x"}', "line 2: it says neither tier nor weak"),
        ("[1]", "line 1: this is no object"),
        ("\n\n", "no label in it"),
    ],
)
async def test_a_file_with_a_bad_line_is_not_taken_in_at_all(
    tmp_path: Path, capsys: Printed, text: str, why: str
) -> None:
    (tmp_path / "bad.jsonl").write_text(text)
    code, _, said = await run(stopped(tmp_path / "data"), capsys, "import", str(tmp_path / "bad.jsonl"))
    assert code == 1 and why in said and "Nothing was taken in" in said and not (tmp_path / "data").exists()


async def test_files_that_cannot_be_read_say_so(tmp_path: Path, capsys: Printed) -> None:
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    assert "No such file" in (await run(stopped(tmp_path), capsys, "import", str(tmp_path / "none")))[2]
    assert "not UTF-8" in (await run(stopped(tmp_path), capsys, "import", str(tmp_path / "latin")))[2]


async def test_labels_come_from_a_pipe_too_and_without_secrets(
    tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(tmp_path / "data", port=1, gateway_secret=SecretStr("a-key-of-mine"))
    monkeypatch.setattr("sys.stdin", io.StringIO('{"prompt": "use a-key-of-mine here", "tier": "cheap"}'))
    assert (await run(settings, capsys, "import", "-"))[0] == 0
    assert "a-key-of-mine" not in (await run(settings, capsys, "export"))[1]
