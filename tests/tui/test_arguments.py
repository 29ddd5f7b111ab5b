"""What can be typed, and what is said of what cannot."""

from __future__ import annotations

import pytest

from llmgw_tui.arguments import make_parser, parse_arguments

Printed = pytest.CaptureFixture[str]


def test_a_filter_may_go_on_behind_an_option() -> None:
    for typed in ("a b --limit 5 --json", "--limit 5 a b --json", "a --limit 5 b --json", "a --json b --limit 5"):
        found = parse_arguments(["requests", *typed.split()])
        assert (found.filter, found.limit, found.json) == (["a", "b"], 5, True), typed


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("requests a --bad b", "unrecognized arguments: --bad b"),
        ("log a b", "unrecognized arguments: b"),
        ("requests --limit many", "a limit is a number from 1 to 100000"),
        ("requests --limit 0", "a limit is a number from 1 to 100000"),
        ("report --days week", "days are a number from 1 to 400"),
        ("report --reconcile x --tolerance nan", "a tolerance is a percentage from 0 to 100"),
        ("status --watch often", "seconds are a number from 0.2 to 86400"),
        ("status --port http", "a port is a number from 0 to 65535"),
    ],
)
def test_wrong_use_says_what_is_right(capsys: Printed, typed: str, says: str) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(typed.split())
    assert ended.value.code == 2 and says in capsys.readouterr().err


@pytest.mark.parametrize("command", ["requests", "cache", "log", "settings", "export", "stop", "reload", "status"])
def test_help_of_what_asks_a_gateway_says_whose_address_it_takes(capsys: Printed, command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args([command, "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert "address of the gateway (default 127.0.0.1)" in words and "listen" not in words


@pytest.mark.parametrize("typed", ["", "serve", "serve --quiet --read-only --port 0 --data-dir here"])
def test_what_starts_a_gateway_is_understood_as_among_all_commands(typed: str) -> None:
    assert parse_arguments(typed.split()) == make_parser().parse_args(typed.split())


def test_wrong_use_of_serve_is_told_as_among_all_commands(capsys: Printed) -> None:
    told = []
    for parse in (parse_arguments, make_parser().parse_args):
        with pytest.raises(SystemExit) as ended:
            parse(["serve", "--bad"])
        assert ended.value.code == 2
        told.append(capsys.readouterr().err)
    assert told[0] == told[1]
