"""What the tests of the review share."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway_core.cache.review.book import entry_id
from gateway_core.cache.review.exam import Exam
from gateway_core.cache.review.exam_questions import DIFFERENT, SAME
from gateway_core.cache.review.room import Neighbour, Review
from gateway_core.store.database import Database
from gateway_core.store.pairs import PairStore
from gateway_core.store.reuse_review import ReuseReviewStore
from tests.cache.fakes import FakeChild
from tests.cache.support import FakeClock

SCOPE = "5" * 64
JUDGE = "local/referee:1b"


@dataclass
class Chance:
    """A number that is set: 0 picks every hit for a check, 1 none."""

    number: float = 1.0

    def __call__(self) -> float:
        return self.number


@dataclass
class Parts:
    """What a review is made of, so that another one can be made of the same."""

    database: Database
    clock: FakeClock
    child: FakeChild = field(default_factory=FakeChild)
    chance: Chance = field(default_factory=Chance)
    notes: list[str] = field(default_factory=list)
    max_error: float = 0.01

    def review(self) -> Review:
        """A review as after a start, not loaded."""
        return Review(
            PairStore(self.database),
            ReuseReviewStore(self.database),
            self.child,
            self.clock,
            self.max_error,
            self.chance,
            self.notes.append,
        )

    async def started(self) -> Review:
        review = self.review()
        await review.load()
        return review


async def pass_exam(review: Review) -> None:
    """Has a model that judges, and whose word counts."""
    await review.use_judge(JUDGE)
    await review.examined(Exam(JUDGE, 0, len(DIFFERENT), len(SAME), len(SAME)))


def near(question: str, *, why: str = "words", cosine: float = 0.97, scope_key: str = SCOPE) -> Neighbour:
    """A neighbour as a look-up finds it."""
    return Neighbour(entry_id(scope_key, question), question, cosine, why)
