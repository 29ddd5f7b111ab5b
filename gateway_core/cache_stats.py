"""How the semantic cache stands: what it serves, how often that was wrong, and who says so."""

from __future__ import annotations

from gateway_core.frozen import frozen


@frozen
class ErrorRate:
    """Wrong answers among the semantic hits that were picked at random and judged.

    ``low`` and ``high`` enclose the true share of wrong hits with 95 % confidence (Clopper and Pearson, 1934); with
    nothing checked that is 0 to 1. Where kinds of hits are checked at different rates, each counts as often as it was
    served, so that ``rate`` is not ``wrong / checked``.
    """

    checked: int = 0
    wrong: int = 0
    rate: float | None = None
    """0–1; None while nothing was checked."""
    low: float = 0.0
    high: float = 1.0


@frozen
class JudgeStatus:
    """The local model that judges pairs of questions. ``detail`` says in words how it stands and what to do."""

    model: str = ""
    """Its name, with a few digits of its digest where the server tells one; empty while there is none."""
    exam: str = "none"
    """``none`` (not taken yet), ``passed`` or ``failed``."""
    exam_at: float | None = None
    wrongly_approved: int = 0
    """Pairs of the exam that ask different things and were called the same, of ``different_asked``."""
    different_asked: int = 0
    rightly_approved: int = 0
    """Pairs of the exam that ask the same and were found to, of ``same_asked``."""
    same_asked: int = 0
    detail: str = ""


@frozen
class SemanticStats:
    """The semantic cache. ``state`` is ``off``, ``idle``, ``starting``, ``ready``, ``failed`` or ``stopped``.

    Look-ups and hits are counted since the start, pairs are those on the disk now, and checks are of the last 30 days
    (``recent``) and of all time (``total``).
    """

    state: str = "off"
    detail: str = ""
    entries: int = 0
    lookups: int = 0
    hits: int = 0
    unanswered: int = 0
    """Look-ups that found the child not ready or too slow."""
    restarts: int = 0
    hits_words: int = 0
    """Hits by the guards' own rules."""
    hits_learned: int = 0
    """Hits by what verdicts have taught the guards."""
    hits_alias: int = 0
    """Hits by a pair of questions that the judge found to ask the same."""
    withheld: int = 0
    """Answers of the last 30 days that the guards allowed, and that were not served: a tightened scope, or a pause."""
    grey_waiting: int = 0
    grey_approved: int = 0
    grey_rejected: int = 0
    shadow_waiting: int = 0
    shadow_sampled: int = 0
    """Hits picked for a check, of all time; ``total.checked`` of them were judged."""
    recent: ErrorRate = ErrorRate()
    total: ErrorRate = ErrorRate()
    marked_wrong: int = 0
    """Hits that the user marked, of all time. They are no random sample: no part of the rates."""
    judge: JudgeStatus = JudgeStatus()
    max_error: float = 0.0
    """SEMANTIC_MAX_ERROR: the share of looked-up questions that may get a wrong answer."""
    measured_error: float | None = None
    """What is measured of it in the last 30 days: the rate of wrong hits times the share of hits. None: nothing yet."""
    paused: str = ""
    """Why semantic answers are not served now though the cache is on, and what to do; empty while they are."""
    tightened_scopes: int = 0
    """Scopes that had one wrong hit lately: only nearer questions are answered there."""
    closed_scopes: int = 0
    """Scopes that had two or more."""

    @property
    def grey_judged(self) -> int:
        return self.grey_approved + self.grey_rejected

    @property
    def shadow_unchecked(self) -> int:
        """Hits that were picked and not judged: no judge was there, or not yet."""
        return max(0, self.shadow_sampled - self.total.checked)
