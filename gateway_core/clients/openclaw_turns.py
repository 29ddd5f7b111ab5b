"""Why an OpenClaw request was sent, and with that whether a person waits for the answer.

Read in OpenClaw 2026.9.6 and seen in its requests (2026-11-28). Words alone decide nothing: a person can quote every
prompt. What OpenClaw writes itself decides, its metadata and the shape of the whole message, and where that leaves a
doubt a person waits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from gateway_core.frozen import frozen

CHAT = "chat"
_UTILITY_PROMPTS = (
    ("Write an Activity recap", "recap"),
    ("You write the live status line for an AI assistant", "recap"),
    ("You judge the trajectory of a running AI agent session", "recap"),
    ("You are keeping a dream diary.", "recap"),
    ("Generate a concise session title", "title"),
    ("Generate a very short topic label", "title"),
)
"""System prompts of calls without tools. Those that hold up a turn (compaction, the review of a command, a spoken
answer's summary, a memory search) are not here: the turn waits for them, and with it a person."""
_LABELLING = "You are labeling the supplied message, not participating in its conversation."
_TIME = r"Current time: [^\n]{1,99} \([^)\n]{1,64}\)\nReference UTC: \d{4}-\d\d-\d\d \d\d:\d\d UTC"
_ENDS_IN_TIME = re.compile(rf"\n{_TIME}\s*\Z")
"""OpenClaw ends each prompt of its heartbeat runner so, one of the user's own configuration too."""
_UNATTENDED = re.compile(
    rf"\n{_TIME}\n\nThis is an unattended scheduled run\. Nobody is present to clarify or approve, [^\n]*"
    r"(?:\n\n(?:Use the message tool if you need to notify the user directly|Your response will be delivered"
    r" automatically\.) ?[^\n]*)?\s*\Z"
)
"""The end of an isolated cron job's prompt, and of one that a webhook or a mail began."""
_CRON_JOB = re.compile(r"\[cron:\S+ [^\n]*?\] ")
_EXTERNAL = re.compile(r"(?:Job ID: [^\n]*\n\n)?SECURITY NOTICE: The following content is from an EXTERNAL")
_MARKERS = {"[OpenClaw heartbeat poll]": "heartbeat", "[OpenClaw cron wake]": "cron"}
"""What takes the prompt's place in the conversation when the turn is over."""
_HEARTBEAT = re.compile(
    r"Follow the heartbeat monitor scratch context when provided\. (?:Recurring tasks are automations;[^\n]*? )?"
    r"Do not infer or repeat old tasks from prior chats\."
    r"|Run the following periodic tasks \(only those due based on their intervals\):\n"
)
_REMINDER = (
    "A scheduled reminder has been triggered. The reminder content is:\n",
    "A scheduled cron event was triggered,",
)
_AWAITED = (
    "A new session was started via /new or /reset",
    "An async command you ran earlier has completed.",
    "An async command you ran earlier completed without captured stdout/stderr.",
)
"""What the heartbeat runner relays to a person who began it."""
_CONTINUED = (
    "The previous attempt did not produce a user-visible answer.",
    "The previous attempt compacted the conversation context",
    "The previous assistant turn recorded reasoning but did not produce a user-visible answer.",
    "The previous assistant turn completed its tool calls but did not produce a user-visible answer.",
    "Continue the current task from the existing transcript, preserving completed work.",
)
"""A run goes on by itself with one of these: it is as urgent as what it goes on with."""
_RETRY = "[Retry after the previous model attempt failed or timed out]\n\n"
_FILE_NAMING = "Based on this conversation, generate a short 1-2 word filename slug"
_SKILL_REVIEW = "Skill review. Distill new durable learning from the full retained conversation."
_SESSION = re.compile(r"(?:^Runtime: | )session=([^\s|]+)")
_METADATA = '"schema": "openclaw.inbound_meta.v2"'
_FROM_A_PERSON = re.compile(r'^  "(?:provider|surface)": "', re.MULTILINE)


@frozen
class Said:
    """One message of the user's role, peeled. ``stamped`` says that OpenClaw put the time in front of it."""

    text: str
    stamped: bool


class _Sender(Enum):
    """Who began the turn, by the message metadata in OpenClaw's own system prompt."""

    CHANNEL = "channel"
    """A person, over a messenger or the web chat: their metadata name the provider."""
    RUNNER = "runner"
    """The heartbeat runner, which has metadata and no provider."""
    UNTOLD = "untold"
    """No metadata: the command line, the API, an isolated cron job; or another version of OpenClaw."""


def utility_purpose(system: str) -> str | None:
    """Why a call without tools is made by OpenClaw itself; None where it is none of those."""
    for start, purpose in _UTILITY_PROMPTS:
        if system.startswith(start):
            return purpose
    return "title" if _LABELLING in system else None


def turn_purpose(said: Sequence[Said], system: str, runtime: str) -> str:
    """Why an agent turn happens; ``chat`` is what a person waits for. The last message that is said decides, also all
    through the tool loop that it begins."""
    while len(said) > 1 and said[-1].text.startswith(_CONTINUED):
        said = said[:-1]
    if not said:
        return CHAT
    text, stamped = said[-1].text.removeprefix(_RETRY), said[-1].stamped
    sender = _sender(system)
    if sender is _Sender.CHANNEL:
        return CHAT
    own = _purpose_of_session(text, runtime, stamped=stamped)
    if own:
        return own
    if text.strip() in _MARKERS and (sender is _Sender.RUNNER or not stamped):
        return _MARKERS[text.strip()]
    if stamped:
        return CHAT
    if _UNATTENDED.search(text) and (_CRON_JOB.match(text) or _EXTERNAL.match(text)):
        return "cron"
    return _of_runner(text, sender) if _ENDS_IN_TIME.search(text) else CHAT


def _of_runner(text: str, sender: _Sender) -> str:
    """Of a prompt that ends as the heartbeat runner's do."""
    if text.startswith(_AWAITED):
        return CHAT
    if text.startswith(_REMINDER):
        return "cron"
    return "heartbeat" if _HEARTBEAT.match(text) or sender is _Sender.RUNNER else CHAT


def _purpose_of_session(text: str, runtime: str, *, stamped: bool) -> str | None:
    """Of a session that OpenClaw opened for work of its own, whatever is said there; a person may still write to a cron
    job's."""
    found = _SESSION.search(runtime)
    kind = found[1].split(":", 2)[2] if found and found[1].count(":") >= 2 else ""
    if kind.startswith("helper:") or text.startswith(_FILE_NAMING) and not stamped:
        return "title"
    if kind.startswith("internal-session-effects:") and text.startswith(_SKILL_REVIEW):
        return "recap"
    return "cron" if kind.startswith("cron:") and not stamped else None


def _sender(system: str) -> _Sender:
    at = system.rfind(_METADATA)
    if at < 0:
        return _Sender.UNTOLD
    end = system.find("```", at)
    told = system[at : end if end >= 0 else len(system)]
    return _Sender.CHANNEL if _FROM_A_PERSON.search(told) else _Sender.RUNNER
