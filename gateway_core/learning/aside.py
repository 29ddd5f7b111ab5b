"""The labels of a data folder that no gateway has open: taken in, read and forgotten without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from gateway_core.learning.judging import without_secrets
from gateway_core.learning.meaning import RANKS
from gateway_core.redaction import Redactor
from gateway_core.settings import Settings
from gateway_core.store.database import FILE_NAME, Database
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
