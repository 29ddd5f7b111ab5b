"""Which questions a cache may answer, and which answers it may keep.

A similar question is only looked for where the question stands alone: one short user turn that asks for no sampling, no
action and nothing personal. The exact cache answers whatever does not ask for chance, also about the caller's own
things: the same caller has said the very same words, and the model knew nothing else.
"""

from __future__ import annotations

import re

from gateway_core.cache.freshness import depends_on_now
from gateway_core.cache.secrecy import has_contact, has_secret
from gateway_core.model import ChatRequest, JsonObject
from gateway_core.wire.json_values import as_object
from gateway_core.wire.openai_chat import first_choice, text_of, written_in

LONGEST_QUESTION = 300
SHORTEST_QUESTION = 8
LARGEST_ANSWER_BYTES = 65_536
_PLAIN_SAMPLING: dict[str, tuple[object, ...]] = {
    "temperature": (None, 0),
    "top_p": (None, 1),
    "top_k": (None, 0, 1),
    "min_p": (None, 0),
    "n": (None, 1),
    "best_of": (None, 1),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "repetition_penalty": (None, 1),
    "repeat_penalty": (None, 1),
    "logit_bias": (None, {}),
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
}
"""Values that ask for nothing but the likeliest answer, or for nothing at all."""
_NEVER = ("tools", "functions", "modalities", "audio", "prediction")
_ACTIONS = re.compile(
    r"^(?:please |bitte |hey |hi |ok(?:ay)?,? |can you |could you |kannst du )*"
    r"(?:send|remind|schedule|book|buy|order|call|text|e?mail|post|deploy|restart|reboot|shut down|turn (?:on|off)"
    r"|delete|stop|install|uninstall|create|commit|rename|set|lock|unlock|mach[e]?|stell[e]?|stopp[e]?|erstell[e]?"
    r"|installier[e]?|play|open|upload|download|execute|run|kill|cancel|submit|publish|merge|push|subscribe|pay"
    r"|schick\w*|send[e]?|erinner\w*|buch[e]?|kauf[e]?|bestell\w*|ruf[e]?|oeffne|öffne|starte|spiel[e]?|schalte"
    r"|lad[e]?|f(?:ü|ue)hr[e]?|l(?:ö|oe)sch[e]?|storniere|bezahl[e]?)\b",
    re.IGNORECASE,
)
_THINGS = (
    "calendar|inbox|e?-?mails?|files?|folders?|desktop|computer|machine|laptop|phone|account|schedule|meetings?"
    "|appointments?|reminders?|notes?|tasks?|todos?|to-?do list|messages?|balance|bank|passwords?|name|birthday|address"
    "|orders?|wife|husband|kids?|children|friends?|boss|health|doctor|salary"
)
_SACHEN = (
    "kalender|posteingang|e?-?mails?|dateien?|ordner|rechner|computer|handy|konto|termine?|notizen?|aufgaben?|nachrichten"
    "|passw(?:ort|(?:ö|oe)rter)|name|geburtstag|adresse|bestellung(?:en)?|frau|mann|kinder|freunde?|chefin?|gehalt"
)
_PERSONAL = re.compile(
    rf"\b(?:my|our) (?:\w+ )?(?:{_THINGS})\b|\b(?:meine?[nmrs]?|unsere?[nmrs]?) (?:\w+ )?(?:{_SACHEN})\b"
    r"|\b(?:what(?:'s| is| are)?|where(?:'s| is| are)?|who(?:'s| is| are)?|show(?: me)?|tell me|give me) my\b"
    r"|\b(?:did|have|haben) (?:we|wir)\b|\b(?:about me|do i live|wohne ich|ueber mich|über mich)\b"
    r"|\b(?:do you remember|did i|have i|am i|weisst du noch|erinnerst du dich|habe ich|bin ich)\b",
    re.IGNORECASE,
)
_FOLLOW_UP = re.compile(
    r"^(?:and|but|so|also|then|else|or|yes|no|ok(?:ay)?|sure|continue|go on|again|another|more|what about|how about"
    r"|why not|und|aber|also|dann|oder|ja|nein|gut|weiter|nochmal|noch ?mal|noch eine?[nrs]?|mehr|wieso nicht)\b",
    re.IGNORECASE,
)
_NO_WORDS = ("refusal", "untranslated_blocks", "tool_calls", "function_call")
_UNFINISHED = frozenset({"pause_turn", "refusal", "max_tokens", "model_context_window_exceeded", "tool_use"})
"""Anthropic's stop reasons that are no end of an answer, whatever finish reason they were given."""


def asks_for_sampling(request: ChatRequest) -> bool:
    """Whether the caller asks for chance, or to see it: another try may and shall give another answer.

    A request that names no temperature asks for none (OpenClaw 2026.9.6 names one in recaps alone, 0.2), and one with
    a ``seed`` wants the same answer again.
    """
    return _samples(request.body) or (request.native is not None and _samples(request.native))


def _samples(body: JsonObject) -> bool:
    return bool([name for name in _PLAIN_SAMPLING if name in body and body[name] not in _PLAIN_SAMPLING[name]])


def text_reason(text: str) -> str:
    """Why no similar question may be looked for, in a word; empty if it may."""
    if not SHORTEST_QUESTION <= len(text) <= LONGEST_QUESTION:
        return "length"
    if depends_on_now(text):
        return "time"
    if _ACTIONS.match(text):
        return "action"
    if _PERSONAL.search(text):
        return "personal"
    return "follow-up" if _FOLLOW_UP.match(text) else ""


def request_reason(request: ChatRequest) -> str:
    """The same for a whole request."""
    view = request.view
    if view.purpose != "chat":
        return "purpose"
    if any(request.body.get(name) for name in _NEVER) or "seed" in request.body:
        return "request"
    if asks_for_sampling(request):
        return "sampling"
    *before, last = view.messages or ({},)
    if last.get("role") != "user" or any(message.get("role") not in ("system", "developer") for message in before):
        return "history"
    if _only_text(last) != view.user_text.strip():
        return "parts"
    return text_reason(view.user_text.strip())


def _only_text(message: JsonObject) -> str | None:
    """The text of a message that is nothing but one text."""
    content = message.get("content")
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        content = content[0].get("text") if content[0].get("type") == "text" else None
    return content.strip() if isinstance(content, str) and not set(message) - {"role", "content"} else None


def may_be_kept(completion: JsonObject) -> bool:
    """Whether a cache may keep the answer: whole, in words, not empty, cut off, filtered or refused; one choice only.

    Nor one that calls tools, which is half of a turn, one with blocks that chat has no words for (a caller that knows
    them would miss them), or one with a secret in it, which has no business on disk.
    """
    choices = completion.get("choices")
    choice = first_choice(completion)
    if choice is None or not isinstance(choices, list) or len(choices) != 1 or completion.get("error"):
        return False
    message = choice.get("message")
    if not isinstance(message, dict) or choice.get("finish_reason") != "stop" or _is_filtered(choice):
        return False
    if choice.get("native_finish_reason") in _UNFINISHED or [name for name in _NO_WORDS if message.get(name)]:
        return False
    text = written_in(message)
    return bool(text.strip()) and not has_secret(text)


def may_answer_others(completion: JsonObject) -> bool:
    """Whether the semantic cache may keep it too: what it says is about nobody."""
    message = as_object((first_choice(completion) or {}).get("message"))
    return may_be_kept(completion) and not message.get("audio") and not has_contact(text_of(completion))


def _is_filtered(choice: JsonObject) -> bool:
    """Whether a filter took something out of an answer that ended as if whole (Azure's ``content_filter_results``)."""
    found = choice.get("content_filter_results")
    return bool(found) and any(as_object(result).get("filtered") for result in as_object(found).values())
