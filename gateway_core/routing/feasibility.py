"""Whether a model can answer a request: context, tools, images, structure, money, its provider's own limits; and how
long it would take."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gateway_core.frozen import frozen
from gateway_core.model import ChatRequest, Considered, Lane, Refusal, RequestSize, Target, Tier
from gateway_core.ollama.context import need_of
from gateway_core.routing.compacting import fits_compacted
from gateway_core.routing.landscape import UPWARD, ExpectedAnswer, Landscape, Option
from gateway_core.wire import errors

DEFAULT_ANSWER_TOKENS = 512
"""Room kept for the answer where the caller sets no limit: less than that is no answer."""


_NOT_TIMED = ExpectedAnswer(0, "")


@frozen
class Look:
    """One option as it stands to one request. ``obstacle`` is why it cannot answer; empty where it can."""

    tier: Tier
    option: Option
    obstacle: str
    seconds: float | None
    """Until the whole answer, on a model whose pace was measured; None on others."""
    slow: str = ""
    """Why nobody should wait for it while others can answer; empty where that is not so."""


def survey(request: ChatRequest, landscape: Landscape) -> dict[Tier, tuple[Look, ...]]:
    """Every option of every tier, looked at once."""
    limit_s = _patience_s(request, landscape)
    looks: dict[Tier, tuple[Look, ...]] = {}
    for tier in UPWARD:
        looks[tier] = tuple([_look(request, tier, option, landscape, limit_s) for option in landscape.all(tier)])
    return looks


def considered(
    request: ChatRequest, looks: Mapping[Tier, tuple[Look, ...]], landscape: Landscape, passed: Mapping[Target, str]
) -> tuple[Considered, ...]:
    """The same for people, with what each would cost at most, and why some were ``passed`` over that could answer."""
    return tuple([_considered(request, look, landscape, passed) for tier in UPWARD for look in looks[tier]])


def obstacle(size: RequestSize, option: Option, landscape: Landscape) -> str | None:
    """Why ``option`` cannot answer a request of this size, for people; None when it can."""
    if option.target is None:
        return option.unavailable
    return money_obstacle(option.target, landscape) or _incapable(size, option) or _full(size, option.target, landscape)


def money_obstacle(target: Target, landscape: Landscape) -> str | None:
    """Why money does not allow ``target``; None when it does."""
    if target.free:
        return None
    if landscape.paid_refusal:
        return landscape.paid_obstacle
    if target.tier is Tier.PREMIUM and landscape.premium_blocked:
        return "the medium daily limit is reached"
    return None


def limit_refusal(size: RequestSize, target: Target, landscape: Landscape) -> Refusal | None:
    """What a request is told that names a target whose provider's own limits are reached; None while they are not."""
    room = landscape.rooms.get(target.provider)
    if room is None:
        return None
    if room.spent and not target.free:
        return room.spent
    if room.tokens_per_minute and size.input_tokens > room.tokens_per_minute:
        return errors.context_length_exceeded(size.input_tokens, room.tokens_per_minute)
    missing = 0 if room.tokens is None else max(0, size.input_tokens - room.tokens)
    wait_s = max(room.wait_s, -(-missing * 60 // room.tokens_per_minute) if missing else 0)
    return errors.rate_limited(f"the limit of {target.provider}", wait_s) if wait_s else None


# --- tokens ------------------------------------------------------------------------------------------------------


def fits(size: RequestSize, option: Option) -> bool:
    """Whether prompt and a short answer fit the model's context, compacted if need be; True where nobody told it."""
    context = option.can.context_tokens
    return context is None or tokens_needed(size, option) <= context or fits_compacted(size, option)


def prompt_tokens(size: RequestSize, option: Option) -> int:
    """The prompt as the model counts it, as far as its answers told how it does."""
    return math.ceil(size.input_tokens * option.ratio)


def tokens_needed(size: RequestSize, option: Option) -> int:
    """Context a request takes: its prompt, and room for an answer."""
    answer = size.max_output_tokens or DEFAULT_ANSWER_TOKENS
    return prompt_tokens(size, option) + min(answer, DEFAULT_ANSWER_TOKENS)


# --- time --------------------------------------------------------------------------------------------------------


def expected_answer(size: RequestSize, option: Option, lane: Lane) -> ExpectedAnswer:
    """How long the answer will be: as those before it were, or as the caller allows."""
    expected = option.background_answer if lane is Lane.BACKGROUND else option.answer
    limit = size.max_output_tokens
    return ExpectedAnswer(limit, "the request's own limit") if limit and limit < expected.tokens else expected


def seconds(size: RequestSize, option: Option, lane: Lane, session: str | None = None) -> float | None:
    """How long the whole answer will take, a load and what waits before it included; None where nobody knows.

    A prompt counts as read already only as far as the model has read it last, for this very ``session``, and the
    session has grown since: one that has shrunk begins differently.
    """
    pace = option.pace
    if not pace.prompt_tokens_per_s or not pace.tokens_per_s or pace.load_s is None:
        return None
    reading_s = _unread(size, option, session) / pace.prompt_tokens_per_s
    writing_s = expected_answer(size, option, lane).tokens / pace.tokens_per_s
    return pace.wait_s + pace.load_s + reading_s + writing_s


def _unread(size: RequestSize, option: Option, session: str | None) -> int:
    """Tokens of the prompt, as the model counts them, that it has not read for this session's last request."""
    pace, prompt = option.pace, prompt_tokens(size, option)
    if session is None or session != pace.kept_session or pace.kept_tokens > size.input_tokens:
        return prompt
    in_place = need_of(prompt, size.max_output_tokens).wanted_tokens <= pace.kept_context
    return math.ceil((size.input_tokens - pace.kept_tokens) * option.ratio) if in_place else prompt


def _patience_s(request: ChatRequest, landscape: Landscape) -> float:
    background = request.view.lane is Lane.BACKGROUND
    return landscape.patience.background_s if background else landscape.patience.person_s


# --- one option --------------------------------------------------------------------------------------------------


def _look(request: ChatRequest, tier: Tier, option: Option, landscape: Landscape, limit_s: float) -> Look:
    if option.target is None:
        return Look(tier, option, option.unavailable, None)
    took_s = seconds(request.size, option, request.view.lane, request.view.session)
    slow = ""
    if took_s is not None and limit_s and took_s > limit_s:
        slow = f"it would take about {took_s:,.0f} s, and {limit_s:,.0f} s is the limit{_mostly(request.size, option)}"
    return Look(tier, option, obstacle(request.size, option, landscape) or "", took_s, slow)


def _mostly(size: RequestSize, option: Option) -> str:
    """What of it is worth a word: a load, or those before."""
    pace = option.pace
    parts = []
    if pace.load_s:
        parts.append(f"{pace.load_s:,.0f} s to load it")
    if pace.wait_s:
        parts.append(f"{pace.wait_s:,.0f} s for those before")
    if pace.prompt_tokens_per_s:
        tokens = prompt_tokens(size, option)
        parts.append(f"of about {tokens:,} prompt tokens it reads {pace.prompt_tokens_per_s:,.0f} a second")
    return f" ({', '.join(parts)})" if parts else ""


def _considered(request: ChatRequest, look: Look, landscape: Landscape, passed: Mapping[Target, str]) -> Considered:
    option, target, size = look.option, look.option.target, request.size
    if target is None:
        return Considered(tier=look.tier, provider="", model="", obstacle=look.obstacle)
    took_s = option.pace.usual_s if look.seconds is None else look.seconds
    answer = _NOT_TIMED if look.seconds is None else expected_answer(size, option, request.view.lane)
    return Considered(
        tier=look.tier,
        provider=target.provider,
        model=target.model,
        obstacle=look.obstacle,
        tokens_needed=tokens_needed(size, option),
        context_tokens=option.can.context_tokens,
        seconds=None if took_s is None else round(took_s, 1),
        loaded=option.memory.loaded,
        free=target.free,
        most_microusd=0 if target.free else landscape.most_microusd(request, target),
        passed_over=passed.get(target, ""),
        ratio=round(option.ratio, 3),
        answer_tokens=answer.tokens,
        answer_told_by=answer.told_by,
    )


def displaces(option: Option) -> str:
    """Whom the model would push out of memory, for people; empty where nobody."""
    if not option.memory.pushes_out or option.target is None:
        return ""
    model, other = option.target.model, f"{option.memory.pushes_out}, {option.memory.in_use}"
    if option.memory.loaded:
        return f"{model} leaves memory for {other}, and would push it out again"
    return f"{model} is not loaded, and loading it would push out {other}"


def _full(size: RequestSize, target: Target, landscape: Landscape) -> str | None:
    refusal = limit_refusal(size, target, landscape)
    if refusal is None:
        return None
    when = f", free again in {refusal.retry_after_s} s" if refusal.retry_after_s else ""
    what = "daily limit" if refusal.code == "budget_exceeded" else "limit"
    return f"{target.provider}'s own {what} is reached{when}"


def _incapable(size: RequestSize, option: Option) -> str | None:
    if not fits(size, option):
        needed = tokens_needed(size, option)
        return f"about {needed:,} tokens are needed and its context is {option.can.context_tokens:,}"
    if size.tools and option.can.tools is False:
        return "the model has no tools"
    if size.images and option.can.vision is False:
        return "the model sees no images"
    if size.wants_json and option.can.structured is False:
        return "the model cannot be held to JSON or a schema"
    return None
