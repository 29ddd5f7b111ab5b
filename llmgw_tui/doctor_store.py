"""What the doctor finds of what is kept: the database, the lock, the days of the ledger, the cache by meaning.

It looks only: nothing is made, mended or brought up to date, beside a running llmgw neither.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

from gateway_core.cache.table.handle import damaged_tables
from gateway_core.cache.table.place import Place
from gateway_core.settings import Settings
from gateway_core.store.advance import cut_off
from gateway_core.store.boot import boot_id
from gateway_core.store.database import FILE_NAME
from gateway_core.store.days import day_of
from gateway_core.store.errors import NewerStore, StoreError, is_damage
from gateway_core.store.files import open_read_only
from gateway_core.store.lock import FolderLock
from gateway_core.store.spool import Spool
from llmgw_tui.findings import Finding


async def store_findings(settings: Settings, running: bool) -> AsyncIterator[Finding]:
    """The data folder's content. ``running`` says that a gateway answers where it is configured to."""
    folder = settings.data_dir
    if not folder.is_dir():
        return
    held = FolderLock.held_by_another(folder)
    if held is not None and not running:
        yield Finding("fail", str(held))
    for finding in await asyncio.to_thread(lambda: list(_database(folder / FILE_NAME, held is not None))):
        yield finding
    if settings.semantic_cache != "off":
        async for finding in _table(settings):
            yield finding


def _database(path: Path, in_use: bool) -> Iterator[Finding]:
    if not path.exists():
        yield Finding("ok", "no database yet: the first start makes it")
        return
    if path.is_dir():
        yield Finding("fail", f"{path} is a folder where llmgw keeps a file. Move it away.")
        return
    if not path.stat().st_size:
        yield Finding("ok", "an empty database: the next start makes its tables")
        return
    try:
        has_log = path.with_name(f"{path.name}-wal").exists()
        with closing(open_read_only(path, immutable=not in_use and not has_log)) as connection:
            yield from _content(connection, path, in_use)
    except NewerStore as error:
        yield Finding("fail", str(error))
    except StoreError as error:
        older = "older llmgw" in str(error)
        yield Finding("note" if older else "fail", str(error))
    except sqlite3.Error as error:
        yield Finding("fail", f"{path} is damaged. {_MEND}" if is_damage(error) else f"{path}: {error}")


_MEND = "Restart llmgw: it sets the file aside, and saves the ledger and the switches as far as they can be read."


def _content(connection: sqlite3.Connection, path: Path, in_use: bool) -> Iterator[Finding]:
    if connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
        yield Finding("fail", f"{path} is damaged. {_MEND}")
        return
    yield Finding("ok", f"database {path.name}, {path.stat().st_size // 1_000_000} MB, sound")
    today = day_of(time.time())
    (latest,) = connection.execute("SELECT max(day) FROM reservations WHERE cost_microusd > 0").fetchone()
    if latest is not None and latest > today:
        what = f"the ledger has spend on {latest}, and it is {today} by this machine's clock"
        yield Finding("note", f"{what}: the clock was or is wrong. Set it right: each day's limit counts by it.")
    if in_use:
        return
    count, cost, lost = cut_off(connection, Spool(path.parent), boot_id())
    if lost:
        what = f"the computer went off while llmgw ran: the next start charges {lost / 1e6:.4f} USD"
        yield Finding("note", f"{what}, the most that the ledger may have lost")
    if count:
        what = f"llmgw ended without a word while {count} paid call{'' if count == 1 else 's'} ran"
        yield Finding("note", f"{what}: the next start charges {cost / 1e6:.4f} USD, what was reserved for them")


async def _table(settings: Settings) -> AsyncIterator[Finding]:
    uri = settings.semantic_cache_uri
    place = Place.of(uri.get_secret_value() if uri else "", settings.data_dir)
    if place.folder is None or not place.folder.is_dir():
        return
    try:
        damaged = await damaged_tables(place)
    except ImportError:
        yield Finding("note", "LanceDB is not installed: there is no cache by meaning. Install llmgw again.")
        return
    except Exception as error:  # LanceDB tells failures by many types
        yield Finding("fail", f"the semantic cache in {place.shown} cannot be opened: {type(error).__name__}. Move it.")
        return
    for name in damaged:
        mend = "it costs answers, no money. The next start sets it aside and keeps what can still be read"
        if place.shared:
            mend = "it is shared, so llmgw never touches it: restore it where it is kept"
        yield Finding("fail", f"{name} of the semantic cache is damaged: {mend}.")
    if not damaged:
        yield Finding("ok", "the semantic cache can be read")
