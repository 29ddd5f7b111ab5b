"""A data folder without its gateway: its labels taken in, read and forgotten while none has it open; and, at any time,
what was learned from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from gateway_core.frozen import frozen
from gateway_core.learning.judging import without_secrets
from gateway_core.learning.meaning import RANKS
from gateway_core.redaction import Redactor
from gateway_core.routing.head import Head
from gateway_core.settings import Settings
from gateway_core.store.codec import from_json
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.heads import HeadStore
from gateway_core.store.labels import Label, LabelStore
from gateway_core.store.lock import FolderLock


@asynccontextmanager
async def _labels_of(settings: Settings) -> AsyncIterator[LabelStore]:
    """The folder's labels, held for the length of a block. Raises ``StoreError``, where a gateway has it for one."""
    lock = FolderLock.acquire(settings.data_dir)
    try:
        database = await Database.open(settings.data_dir / FILE_NAME)
        try:
            yield LabelStore(database, RANKS)
        finally:
            await database.close()
    finally:
        lock.release()


@frozen
class Learned:
    """``head`` is what is in force, None the rules alone; ``labels`` are those it may be compared with."""

    head: Head | None = None
    labels: tuple[Label, ...] = ()


async def learned(settings: Settings) -> Learned:
    """What the router has learned, also beside a gateway that runs: changes nothing. Raises ``StoreError``."""
    if settings.router_learning == "off" or not (settings.data_dir / FILE_NAME).exists():
        return Learned()
    database = await Database.open(settings.data_dir / FILE_NAME, read_only=True)
    try:
        head = (await HeadStore(database).standing()).head
        labels, _ = await LabelStore(database, RANKS).active()
    finally:
        await database.close()
    try:
        return Learned(from_json(Head, head) if head else None, labels)
    except ValueError:
        return Learned(labels=labels)


async def take_in(settings: Settings, labels: Sequence[Label]) -> int:
    """Takes in labels; the gateway learns from them when it starts. Raises ``StoreError``."""
    secrets = Redactor().hide_those_of(settings).recorded
    clean = [replace(one, text=await asyncio.to_thread(without_secrets, one.text, secrets)) for one in labels]
    async with _labels_of(settings) as store:
        await store.add(clean)
    return len(clean)


async def kept(settings: Settings) -> tuple[Label, ...]:
    """The labels in force, newest first. Raises ``StoreError``."""
    async with _labels_of(settings) as store:
        return (await store.active())[0]


async def forget(settings: Settings) -> int:
    """Forgets every label and what was learned from them; returns how many. Raises ``StoreError``."""
    async with _labels_of(settings) as store:
        return await store.forget()
