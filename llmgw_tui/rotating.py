"""``llmgw secret``: which keys open the gateway, a new one in the place of the old, and the old one's end."""

from __future__ import annotations

import asyncio
import json
import os
import time
from datetime import datetime
from pathlib import Path

from gateway_core.clients import claude_code_config, openclaw_config
from gateway_core.clients.config_file import ConfigError, replace_file
from gateway_core.keys import Keys, end_former, moment, read_keys, rotate
from gateway_core.redaction import masked
from gateway_core.setting_origins import origins
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles
from llmgw_tui.asking import NoAnswer, ask
from llmgw_tui.reach import address_of, gateway_answers
from llmgw_tui.tables import print_table
from llmgw_tui.telling import complain
from llmgw_tui.text import one_line

TAKEN_UP_S = 10.0
"""How long a running gateway may take to see that its files have changed: it looks every second, twice."""
_LOOK_S = 0.2


def show(settings: Settings, files: SettingsFiles) -> int:
    """Prints which keys there are, masked, and what is taken until when; returns 0."""
    keys = read_keys(settings)
    rows = [
        ("key", f"{masked(keys.secret)}, {_place_of(settings, files)}"),
        ("caller", keys.caller),
        ("key before it", f"taken until {moment(keys.until)}" if _former_holds(keys) else "not taken"),
        ("read-only token", f"{masked(keys.monitor)}: for monitors, see `llmgw connect prometheus`"),
    ]
    print_table([(name, one_line(text)) for name, text in rows], left=2)
    return 0


def new(settings: Settings, files: SettingsFiles, grace_h: float, *, write: bool) -> int:
    """Makes a new key, and says or writes where it belongs; returns the exit code. Raises ``SettingsError``."""
    before = read_keys(settings).secret
    keys = rotate(settings, grace_h * 3600, time.time())
    until = f"until {moment(keys.until)}; `llmgw secret end` ends it at once" if keys.former else "no more"
    if settings.gateway_secret:
        print(f"GATEWAY_SECRET={keys.secret}")
        place = _place_of(settings, files)
        print(
            f"This is the new key. Put it in the place of the old one, {one_line(place)}. A running llmgw takes it up"
        )
        print("from a file by itself, and from its environment when it is started anew.")
        print(f"From then on the old key is taken {until}.")
    else:
        print(f"A new key is in {settings.data_dir}; `llmgw connect` shows it. The old one is taken {until}.")
        if not asyncio.run(_is_taken_up(settings, keys.secret, 200)):
            return complain("the running gateway did not take the new key up: end it with SIGTERM, and start it anew.")
    print("The control centre and what `llmgw attach` finds the key for by itself need nothing.")
    return _follow(before, keys.secret, write=write)


def end(settings: Settings) -> int:
    """Has the old key taken no more; returns the exit code. Raises ``SettingsError``."""
    former = read_keys(settings).former
    if not end_former(settings) or not former:
        print("Only the key in force is taken: there is no other to end.")
        return 0
    if not asyncio.run(_is_taken_up(settings, former, 401)):
        return complain("the running gateway still takes the old key: end it with SIGTERM, and start it anew.")
    print("The old key is taken no more.")
    return 0


def _former_holds(keys: Keys) -> bool:
    return bool(keys.former) and time.time() < keys.until


def _place_of(settings: Settings, files: SettingsFiles) -> str:
    """Where the key in force is kept."""
    if settings.gateway_secret is None:
        return f"made at the first start and kept in {settings.data_dir}"
    found = origins(files, os.environ).get("gateway_secret", ())
    return f"from {found[0].source}{': ' if found[0].where else ''}{found[0].where}" if found else "configured"


async def _is_taken_up(settings: Settings, key: str, status: int) -> bool:
    """Whether the running gateway, if there is one, answers ``status`` to the key, now or in a moment."""
    if not await gateway_answers(settings):
        return True
    until = time.monotonic() + TAKEN_UP_S
    while time.monotonic() < until:
        try:
            found, _ = await asyncio.to_thread(ask, address_of(settings), "/api/status", key, time.monotonic() + 2.0)
        except NoAnswer:
            found = 0
        if found == status:
            return True
        await asyncio.sleep(_LOOK_S)
    return False


def _follow(before: str, secret: str, *, write: bool) -> int:
    """Has the clients whose configuration holds the old key use the new one, or says how; the exit code."""
    code = 0
    home = Path.home()
    known = {
        "openclaw": openclaw_config.default_path(os.environ, home),
        "claude-code": claude_code_config.default_path(os.environ, home),
    }
    old, new_text = _as_json(before), _as_json(secret)
    for client, path in known.items():
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if old not in content:
            continue
        if not write:
            print(f"{path} has the old key: `llmgw connect {client} --write` gives it the new one.")
            continue
        try:
            backup = replace_file(path, content, content.replace(old, new_text), datetime.now())
        except ConfigError as error:
            code = complain(str(error))
            continue
        print(f"{path} has the new key. What it was is kept in {backup}.")
    print("Other clients: give them the new key before the old one ends.")
    return code


def _as_json(key: str) -> bytes:
    return json.dumps(key, ensure_ascii=False).encode()
