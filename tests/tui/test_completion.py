"""The completion of commands, sourced into a real bash."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from llmgw_tui.arguments import make_parser
from llmgw_tui.cli import main
from llmgw_tui.completion import SHELLS, script
from llmgw_tui.completion.tree import nodes

BASH = shutil.which("bash") or "/bin/bash"


@pytest.fixture(scope="module")
def sourced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("completion") / "llmgw.bash"
    file.write_text(script("bash", make_parser()))
    return file


def completed(sourced: Path, *words: str) -> list[str]:
    """What bash offers for the last of ``words``."""
    code = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _llmgw; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        [BASH, "--norc", "-c", code, "bash", str(sourced), "llmgw", *words],
        cwd=sourced.parent,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("ser",), {"serve", "service"}),
        (("connect", "pro"), {"prometheus"}),
        (("connect", "openclaw", "--api", "openai-"), {"openai-completions", "openai-responses"}),
        (("--port", "1", "cache", "list", "--order", ""), {"newest", "hits", "saved", "largest"}),
        (("cache", "cl"), {"clear"}),
        (("cache", "clear", "--y"), {"--yes"}),
        (("service", "install", "--dry"), {"--dry-run"}),
        (("report", "--by", "m"), {"model"}),
        (("status", "--port", ""), set()),
        (("serve", "--config", ""), set()),
        (("completion", ""), {*SHELLS, "-h", "--help", "--host", "--port", "--config", "--data-dir"}),
        (("nonsense", "--vers"), {"--version"}),
    ],
)
def test_bash_offers_what_fits(sourced: Path, typed: tuple[str, ...], offered: set[str]) -> None:
    assert set(completed(sourced, *typed)) == offered


def test_a_folder_is_offered_where_one_is_wanted(sourced: Path) -> None:
    (sourced.parent / "folder").mkdir(exist_ok=True)
    assert completed(sourced, "serve", "--data-dir", "f") == ["folder"]


def test_every_command_and_option_is_known() -> None:
    found = {node.path[1:]: node for node in nodes(make_parser())}
    assert {("serve",), ("cache", "list"), ("service", "logs")} <= set(found)
    assert [word.name for word in found[()].commands if not word.help] == []
    assert {name for option in found["report",].options for name in option.names} >= {"--days", "--reconcile"}


def test_what_help_says_breaks_no_script() -> None:
    parser = argparse.ArgumentParser("it")
    parser.add_argument("--odd", help='it\'s `rm -rf` $(x) \\ "100 %%"\nand: more', choices=["a", "b"])
    parser.add_subparsers().add_parser("go", help="it’s; 'quoted'")
    for shell in SHELLS:
        made = script(shell, parser)
        assert "it’s" in made or shell == "bash"
    done = subprocess.run([BASH, "-n"], input=script("bash", parser), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    assert "complete -o default -F _llmgw llmgw" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["completion", "tcsh"])
