"""Labels as they are taken in, and what is forgotten meanwhile."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from gateway_core.known_secrets import KnownSecrets
from gateway_core.learning.intake import Intake, IntakeSources
from gateway_core.learning.meaning import RANKS
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.labels import LabelStore
from tests.learning.heard import AT, answered
from tests.store.support import FakeClock


class HeldUp(KnownSecrets):
    """Looks for secrets as long as it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.looking, self.released = threading.Event(), threading.Event()

    def masked(self, text: str) -> str:
        self.looking.set()
        assert self.released.wait(10)
        return super().masked(text)


async def nothing(request_id: str) -> None:
    return None


async def test_what_is_about_to_be_written_is_forgotten_with_the_rest(tmp_path: Path) -> None:
    database, secrets = await Database.open(tmp_path / FILE_NAME), HeldUp()
    labels = LabelStore(database, RANKS)
    intake = Intake(labels, IntakeSources(nothing, nothing, secrets, lambda name, thumb: None), FakeClock())
    intake.hear(answered())
    assert intake.hear(answered("req_2", at=AT + 60))
    writing = asyncio.create_task(intake.write_heard())
    await asyncio.to_thread(secrets.looking.wait, 10)
    forgetting = asyncio.create_task(intake.forget())
    await labels.active()
    await labels.active()
    secrets.released.set()
    await asyncio.gather(writing, forgetting)
    assert await labels.active() == ((), 0)
    await database.close()
