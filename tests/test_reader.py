"""The difficulty as it is read for a request: with its meaning in time, without it otherwise."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from gateway_core.cache.encoder.worker import Message
from gateway_core.model import Example, Tier
from gateway_core.reader import BEGINNING, END, DifficultyReader, meant
from gateway_core.routing.difficulty import difficulty
from gateway_core.routing.head import Head
from gateway_core.wire.embeddings import pack
from tests.routing.requests import request

TEXT = "Turn the notes from stand-up into three bullet points."
VECTOR = (0.5,) + (0.0,) * 383


class Encoder:
    """Answers every text with :data:`VECTOR`; with nothing while it is ``away``."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.started = 0
        self.asked: list[str] = []

    def start(self) -> None:
        self.started += 1

    async def ask(self, message: Message, timeout_s: float) -> Message | None:
        assert message["op"] in ("glance", "embed") and timeout_s < 1
        self.asked += message["texts"]
        return None if self.away else {"vectors": [b64encode(pack(VECTOR)).decode()]}


class Taught:
    head: Head | None = Head(100, 0.2, "")

    def nearest(self, vector: Sequence[float]) -> tuple[Example, ...]:
        assert tuple(vector) == VECTOR
        return (Example("req_9", "Bullet points, please.", Tier.CHEAP, 0.91),)


async def test_the_meaning_is_part_of_what_is_read_and_asked_for_once() -> None:
    encoder = Encoder()
    reader = DifficultyReader(encoder)
    first, again = await reader.read(request(TEXT)), await reader.read(request(TEXT))
    assert first == again == difficulty(TEXT, VECTOR) and first.embedded
    assert encoder.asked == [TEXT]


async def test_without_an_answer_in_time_words_and_structure_decide() -> None:
    reader = DifficultyReader(Encoder(away=True))
    assert await reader.read(request(TEXT)) == difficulty(TEXT)


async def test_switched_off_no_process_is_started() -> None:
    encoder = Encoder()
    reader = DifficultyReader(encoder, is_on=False)
    assert not (await reader.read(request(TEXT))).embedded
    assert (encoder.started, encoder.asked) == (0, [])


async def test_a_prompt_without_words_asks_nobody() -> None:
    encoder = Encoder()
    await DifficultyReader(encoder).read(request("  \n"))
    assert encoder.asked == []


async def test_of_a_long_prompt_its_beginning_and_its_end_are_meant() -> None:
    encoder = Encoder()
    await DifficultyReader(encoder).read(request("a" * 5_000 + "z" * 5_000))
    (part,) = encoder.asked
    assert part == "a" * BEGINNING + "\n" + "z" * END == meant("a" * 5_000 + "z" * 5_000)


async def test_what_the_user_taught_counts_and_the_nearest_labels_are_told() -> None:
    found = await DifficultyReader(Encoder(), Taught()).read(request(TEXT))
    assert found.examples[0].text == "Bullet points, please." and found.labels == 100
    assert found.score > difficulty(TEXT, VECTOR).score
