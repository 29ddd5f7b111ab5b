"""``llmgw connect prometheus|grafana``: prints what watches the gateway, or writes it into a folder."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from gateway_core.clients.config_file import ConfigError, replace_file
from gateway_core.keys import MONITOR_FILE, monitor_token
from gateway_core.monitoring import (
    BOARD_FILE,
    CONFIG_FILE,
    KEY_FILE,
    RULES_FILE,
    alert_rules,
    board,
    prometheus_config,
)
from gateway_core.settings import Settings, SettingsError
from llmgw_tui.reach import address_of
from llmgw_tui.text import one_line

CLIENTS = ("prometheus", "grafana")


def run(settings: Settings, client: str, rules: bool, folder: str | None) -> int:
    """Prints the configuration, the rules or the board; with ``folder`` writes all that belongs to ``client``.

    Raises :class:`SettingsError` for options that do not fit.
    """
    if folder == "":
        raise SettingsError(f"Say where to: llmgw connect {client} --write DIR.")
    if client == "grafana":
        if rules:
            raise SettingsError("--rules are for prometheus.")
        return _write(Path(folder), {BOARD_FILE: board()}) if folder else _show(board(), _HOW_TO_IMPORT)
    if rules and not folder:
        return _show(alert_rules(), "")
    key = monitor_token(settings)
    assert key is not None
    address = address_of(settings)
    if folder is None:
        file = settings.data_dir / MONITOR_FILE
        return _show(prometheus_config(address, file), _HOW_TO_USE + _missing(settings, file))
    place = Path(folder).absolute()
    written = {
        KEY_FILE: f"{key}\n",
        CONFIG_FILE: prometheus_config(address, place / KEY_FILE),
        RULES_FILE: alert_rules(),
    }
    return _write(place, written)


_HOW_TO_IMPORT = (
    "\nGrafana takes it under Dashboards, New, Import. Its data source is the Prometheus that scrapes llmgw."
)
_HOW_TO_USE = (
    "\nThe alert rules: `llmgw connect prometheus --rules`. All of it, with the read-only token in a file of its own:"
    f" `llmgw connect prometheus --write DIR`, then `prometheus --config.file=DIR/{CONFIG_FILE}`."
)


def _missing(settings: Settings, file: Path) -> str:
    """The token of the configuration or the environment is in no file that Prometheus could read."""
    if not settings.monitor_token:
        return ""
    return f"\nYour token is MONITOR_TOKEN, which is not in {file}: write it into a file, or use --write DIR."


def _show(text: str, note: str) -> int:
    print(text, end="")
    if note:
        print(note, file=sys.stderr)
    return 0


def _write(folder: Path, contents: dict[str, str]) -> int:
    for name, content in contents.items():
        path = folder / name
        try:
            before = path.read_bytes() if path.exists() else b""
            if before == content.encode():
                print(f"{path} is as it should be.")
                continue
            backup = replace_file(path, before, content.encode(), datetime.now())
            path.chmod(0o600 if name == KEY_FILE else 0o644)
        except (ConfigError, OSError) as error:
            print(f"llmgw: {one_line(str(error))}", file=sys.stderr)
            return 1
        print(f"{path} is written." + (f" What it was is kept in {backup}." if backup else ""))
    return 0
