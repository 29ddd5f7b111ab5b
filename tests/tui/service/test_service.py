"""``llmgw service``: what is written, what is asked of the service manager, and what is left alone."""

from __future__ import annotations

import argparse
import plistlib
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from dotenv import dotenv_values

from gateway_core.settings_files import SettingsFiles
from llmgw_tui.service.cli import service
from llmgw_tui.service.command import install, marked, own_command
from llmgw_tui.service.manager import Ran, ServiceError
from llmgw_tui.service.systemd import Systemd

COMMAND = ["/usr/bin/llmgw", "serve"]


class Machine:
    """Programs that are only written down. ``answers`` are by the words a command begins with."""

    def __init__(self, **answers: Ran) -> None:
        self.ran: list[str] = []
        self.answers = answers

    def __call__(self, command: Sequence[str]) -> Ran:
        line = " ".join(command)
        self.ran.append(line)
        return next((ran for words, ran in self.answers.items() if words.replace("_", " ") in line), Ran(0, ""))


@pytest.fixture(autouse=True)
def nobody_elses_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "LLMGW_CONFIG", "GATEWAY_SECRET", "LLMGW_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USER", "me")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def llmgw(machine: Machine, action: str, *, platform: str = "linux", **given: object) -> int:
    arguments = argparse.Namespace(
        **{
            **{"action": action, "now": False, "dry_run": False, "force": False, "lines": 100, "follow": False},
            **{"config": None, "data_dir": None, "host": None, "port": 1, **given},
        }
    )
    flags = {name: getattr(arguments, name) for name in ("host", "port", "data_dir")}
    return service(arguments, SettingsFiles(arguments.config, **flags), machine, platform)


def unit(home: Path) -> Path:
    return home / ".config" / "systemd" / "user" / "llmgw.service"


# --- systemd ---------------------------------------------------------------------------------------------------------


def test_it_is_written_enabled_and_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine()
    assert llmgw(machine, "install", now=True, data_dir=Path("here"), port=8123) == 0
    text = unit(tmp_path).read_text()
    assert f" serve --data-dir {tmp_path}/here --port 8123\n" in text and "Restart=on-failure" in text
    assert [line for line in machine.ran if line.startswith("systemctl --user")][-3:] == [
        "systemctl --user daemon-reload",
        "systemctl --user enable llmgw.service",
        "systemctl --user restart llmgw.service",
    ]
    said = capsys.readouterr().out
    assert "runs as a service now" in said and "sudo loginctl enable-linger me" in said


def test_a_second_time_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(Linger=Ran(0, "Linger=yes"))
    assert llmgw(machine, "install") == llmgw(machine, "install") == 0
    said = capsys.readouterr().out
    assert "as it should be" in said and "enable-linger" not in said
    assert [path.name for path in unit(tmp_path).parent.iterdir()] == ["llmgw.service"]


def test_other_flags_replace_what_nobody_has_changed(tmp_path: Path) -> None:
    assert llmgw(Machine(), "install") == llmgw(Machine(), "install", port=2) == 0
    assert "--port 2\n" in unit(tmp_path).read_text()
    assert [path.name for path in unit(tmp_path).parent.iterdir()] == ["llmgw.service"]


def test_what_somebody_changed_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert llmgw(Machine(), "install") == 0
    mine = unit(tmp_path).read_text().replace("RestartSec=2", "RestartSec=30")
    unit(tmp_path).write_text(mine)
    machine = Machine()
    assert llmgw(machine, "install") == 1
    assert "--force" in capsys.readouterr().err and unit(tmp_path).read_text() == mine
    assert not any("enable" in line for line in machine.ran)
    assert llmgw(Machine(), "install", force=True) == 0
    (kept,) = unit(tmp_path).parent.glob("*.bak")
    assert kept.read_text() == mine and "RestartSec=2\n" in unit(tmp_path).read_text()


def test_uninstalling_stops_it_and_keeps_what_was_changed_by_hand(tmp_path: Path) -> None:
    assert llmgw(Machine(), "uninstall") == 0
    assert llmgw(Machine(), "install") == 0
    unit(tmp_path).write_text(unit(tmp_path).read_text() + "# mine\n")
    machine = Machine()
    assert llmgw(machine, "uninstall") == 0
    assert "systemctl --user disable --now llmgw.service" in machine.ran
    assert not unit(tmp_path).exists() and len(list(unit(tmp_path).parent.glob("*.bak"))) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Ran(127, "systemctl is not installed"), "systemd is not installed here"),
        (Ran(1, "Failed to connect to bus: No medium found\nmore"), "Failed to connect to bus: No medium found)"),
    ],
)
def test_without_a_manager_nothing_is_written(
    tmp_path: Path, answer: Ran, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-canary")
    assert llmgw(Machine(show=answer), "install") == 1
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_failure_of_the_manager_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert llmgw(Machine(enable=Ran(1, "Unit is masked")), "install") == 1
    assert "`systemctl --user enable llmgw.service` failed: Unit is masked" in capsys.readouterr().err


def test_its_state_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert llmgw(Machine(), "status") == 1
    assert llmgw(Machine(), "install") == 0
    capsys.readouterr()
    assert llmgw(Machine(active=Ran(0, "active"), enabled=Ran(0, "enabled")), "status") == 0
    assert capsys.readouterr().out.startswith("llmgw service: active, enabled (")
    assert llmgw(Machine(active=Ran(3, "failed"), enabled=Ran(0, "enabled")), "status") == 1


def test_a_dry_run_shows_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine()
    assert llmgw(machine, "install", dry_run=True, now=True) == 0
    assert "ExecStart=" in capsys.readouterr().out
    assert machine.ran == [] and list(tmp_path.iterdir()) == []


def test_words_are_quoted_for_systemd() -> None:
    text = Systemd(Machine(), {}, Path("/home/me")).text(["/a b/llmgw", "serve", "--data-dir", '/100% $HOME/"x"\\'])
    assert r'ExecStart="/a b/llmgw" serve --data-dir "/100%% $$HOME/\"x\"\\"' in text
    with pytest.raises(ServiceError):
        Systemd(Machine(), {}, Path("/home/me")).text(["/bin/llmgw", "two\nlines"])


# --- launchd ---------------------------------------------------------------------------------------------------------


def test_launchd_gets_a_plist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine()
    assert llmgw(machine, "install", platform="darwin", now=True, port=8123) == 0
    file = tmp_path / "Library" / "LaunchAgents" / "llmgw.serve.plist"
    made = plistlib.loads(file.read_bytes())
    assert made["ProgramArguments"][-3:] == ["serve", "--port", "8123"]
    assert made["KeepAlive"] == {"SuccessfulExit": False} and made["StandardOutPath"].endswith("Library/Logs/llmgw.log")
    assert any(line.startswith("launchctl bootstrap gui/") for line in machine.ran)
    file.write_text(file.read_text().replace("<integer>5</integer>", "<integer>50</integer>"))
    assert llmgw(machine, "install", platform="darwin") == 1
    assert llmgw(machine, "uninstall", platform="darwin") == 0 and not file.exists()


def test_elsewhere_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert llmgw(Machine(), "install", platform="win32") == 1
    assert "`llmgw serve`" in capsys.readouterr().err


# --- keys and the command --------------------------------------------------------------------------------------------


def test_keys_of_the_shell_go_into_a_private_file_and_not_into_the_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-canary '\\ #x")
    monkeypatch.setenv("OPENROUTER_KEY", "or-canary")
    config = tmp_path / "conf" / "config.yaml"
    config.parent.mkdir()
    config.write_text("providers: {openrouter: {base_url: 'http://x', model: m, api_key_env: OPENROUTER_KEY}}\n")
    assert llmgw(Machine(), "install", config=config) == 0
    file = config.parent / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert dotenv_values(file)["ANTHROPIC_API_KEY"] == "sk-canary '\\ #x"
    assert dotenv_values(file)["OPENROUTER_KEY"] == "or-canary"
    text, said = unit(tmp_path).read_text(), capsys.readouterr().out
    assert "canary" not in text + said and "ANTHROPIC_API_KEY" in said
    assert f"--config {config}" in text

    monkeypatch.setenv("GROQ_API_KEY", "gsk-canary")
    before = file.read_text()
    assert llmgw(Machine(), "install", config=config) == 0
    assert file.read_text() == before and "will not know: GROQ_API_KEY" in capsys.readouterr().out


def test_the_command_is_this_very_llmgw(tmp_path: Path) -> None:
    program = tmp_path / "llmgw"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert own_command(str(program), ["--port", "1"]) == [str(program), "serve", "--port", "1"]
    assert own_command("/somewhere/pytest", [])[1:] == ["-m", "llmgw_tui.cli", "serve"]


def test_a_mark_is_lost_with_any_change(tmp_path: Path) -> None:
    manager = Systemd(Machine(), {}, tmp_path)
    install(manager, COMMAND, now=False, force=False)
    assert manager.path.read_text() == marked(manager.text(COMMAND))
    manager.path.write_text(manager.path.read_text() + " ")
    with pytest.raises(ServiceError, match="by hand"):
        install(manager, [*COMMAND, "--quiet"], now=False, force=False)
