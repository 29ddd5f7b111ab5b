"""A policy and what comes of it in words, for the command and the screen alike."""

from __future__ import annotations

import shlex

from gateway_core.whatif_values import LimitLook, Outcome, Policy, Thresholds, query_of
from llmgw_tui.text import context, dollars, duration, limit, one_line, percent

AS_IT_WAS = "as it was"
_NEVER = 1.0


def policy_words(policy: Policy) -> str:
    """What is done otherwise."""
    words = []
    if policy.premium_share is not None:
        words.append(f"premium for the hardest {share(policy.premium_share)}")
    if policy.all_to is not None:
        words.append(f"all to {policy.all_to.value}")
    if policy.local_model:
        tokens = f" ({context(policy.local_context_tokens)} context)" if policy.local_context_tokens else ""
        words.append(f"{one_line(policy.local_model)}{tokens} as the local model")
    if not policy.answer_cache:
        words.append("answer caches off")
    if not policy.prompt_cache:
        words.append("prompt caching off")
    return ", ".join(words) or AS_IT_WAS


def share(part: float) -> str:
    """A share with a decimal where it is not a whole percentage."""
    return f"{part * 100:.1f} %".replace(".0 %", " %")


def cost_words(found: Outcome) -> str:
    """``$3.10 -> $4.20 (+$1.10, +35 %)``, with the bounds where tokens were not counted."""
    change = found.change_microusd
    words = f"{dollars(found.before_microusd)} -> {dollars(found.after_microusd)}"
    if change:
        sign = "+" if change > 0 else ""
        part = f", {sign}{percent(change / found.before_microusd)}" if found.before_microusd > 0 else ""
        words += f" ({sign}{dollars(change)}{part})"
    if found.low_microusd != found.high_microusd:
        words += f", between {dollars(found.low_microusd)} and {dollars(found.high_microusd)}"
    return words


def threshold_words(found: Outcome) -> str:
    """The thresholds that a share means, or those there are."""
    then = found.then
    if not then.decided:
        return "no request of these days was decided by its difficulty"
    words = f"{_at(then)}: {share(then.share)} of the {then.decided:,} requests that difficulty decides"
    if found.policy.premium_share is None:
        return words
    now = found.now
    return f"{words} (now {_number(now.easy_below)} and {_number(now.hard_from)}: {share(now.share)})"


def thresholds_in_short(found: Outcome) -> list[str]:
    """The thresholds in a few words each."""
    then = found.then
    if not then.decided:
        return ["no request was decided by difficulty"]
    sends = "sends" if found.policy.premium_share is not None else "went:"
    return [*_at(then).split(", "), f"{sends} {share(then.share)} of {then.decided:,} to premium"]


def _at(thresholds: Thresholds) -> str:
    hard = f"hard from {_number(thresholds.hard_from)}" if thresholds.hard_from <= _NEVER else "never hard"
    return f"easy below {_number(min(_NEVER, thresholds.easy_below))}, {hard}"


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").ljust(4, "0")


def limit_words(found: Outcome) -> str:
    """The highest day against the hard limit, before and after."""
    hard, before, after = found.hard_limit_microusd, found.limit_before, found.limit_after
    highest = f"highest day {dollars(before.highest_microusd)} -> {dollars(after.highest_microusd)}"
    if not hard:
        return f"{highest}; there is no hard limit"
    was = f" (before: {_reached(before)})" if before.days_reached else ""
    return f"{highest}; hard limit {limit(hard)} {_reached(after)}{was}"


def _reached(look: LimitLook) -> str:
    if not look.days_reached:
        return "not reached"
    days = "1 day" if look.days_reached == 1 else f"{look.days_reached} days"
    refused = f", {look.refused:,} request{'' if look.refused == 1 else 's'} refused" if look.refused else ""
    return f"reached on {days}{refused}"


def notes(found: Outcome) -> tuple[str, ...]:
    """What the figures leave out, and what they rest on; a sentence each, the weightiest first."""
    out, local, left = [], found.local, found.left_out
    for model in found.guessed:
        out.append(f"No price is known for {one_line(model)}: it is priced at unknown_price. Set it under prices.")
    out += [f"{name} is not set: the model is priced all the same." for name in found.not_set_up]
    if left.fits_nowhere:
        out.append(f"{_requests(left.fits_nowhere)} fit no tier and stay where they were.")
    if local.too_long:
        out.append(f"{_requests(local.too_long)} do not fit {one_line(local.model)} and go to the next tier.")
    if local.answers:
        out.append(_local_time(found))
    if found.repriced:
        cached = found.repriced_with_cache
        out.append(
            f"{_requests(found.repriced)} {'is' if found.repriced == 1 else 'are'} priced at today's prices by their "
            f"own tokens, the answers as long as they were: {cached:,} with their session's share of prompt cache "
            f"reads, {found.repriced - cached:,} without prompt caching."
        )
    if found.estimated:
        out.append(f"Of these, {found.estimated:,} had tokens that nobody counted: the bounds are of half to twice.")
    if left.without_difficulty:
        out.append(f"{_requests(left.without_difficulty)} stay: their difficulty was not kept.")
    if left.without_counterfactual:
        out.append(f"{_requests(left.without_counterfactual)} stay at their cost: without a cache it is not known.")
    if left.without_usage:
        out.append(f"{_requests(left.without_usage)} without known tokens stay.")
    if left.embeddings:
        out.append(f"{_requests(left.embeddings)} for embeddings stay.")
    if left.not_answered:
        out.append(f"{_requests(left.not_answered)} were not answered and are not counted.")
    if left.other_microusd:
        what = "is of no answered request (failed calls, judges, what a crash cut off) and in both sums"
        out.append(f"{dollars(left.other_microusd)} {what}.")
    return tuple(out)


def _requests(many: int) -> str:
    return "1 request" if many == 1 else f"{many:,} requests"


def _local_time(found: Outcome) -> str:
    local = found.local
    if local.seconds_p50 is None:
        return f"How fast {one_line(local.model)} is was never measured."
    return (
        f"{one_line(local.model)} takes {duration(local.seconds_p50)} for half of its answers, by its measured speed."
    )


def command_of(policy: Policy) -> str:
    """The command that shows the same."""
    words = ["llmgw what-if", f"--days {policy.days}"]
    if policy.premium_share is not None:
        words.append(f"--premium-share {policy.premium_share * 100:g}")
    if policy.all_to is not None:
        words.append(f"--all-{policy.all_to.value}")
    if policy.local_model:
        words.append(f"--local-model {shlex.quote(query_of(policy)['local_model'])}")
    words += [] if policy.answer_cache else ["--cache off"]
    words += [] if policy.prompt_cache else ["--prompt-cache off"]
    return " ".join(words)
