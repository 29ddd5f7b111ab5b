"""``llmgw status``: one line for a prompt or a status bar. Whatever this imports, every prompt waits for."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping
from typing import Any

from gateway_core.secret import kept_secret
from gateway_core.settings_sources import Place, SettingsError
from llmgw_tui.asking import NoAnswer, ask, wrong_key

TIMEOUT_S = 0.25
NOT_RUNNING, UNKNOWN = "not running", "unknown"
FIELDS = {
    "state": f"running, killed, degraded, {NOT_RUNNING} or {UNKNOWN} (it does not take the key)",
    "detail": "why it is not simply running",
    "address": "where it is",
    "version": "its version",
    "uptime": "how long it runs, as 3h12",
    "spent": "US dollars today (UTC)",
    "reserved": "US dollars held for calls under way",
    "soft": "the soft limit in US dollars; - is off",
    "medium": "the medium limit",
    "hard": "the hard limit",
    "left": "US dollars up to the hard limit; - without one",
    "background": "US dollars today for what nobody waits for",
    "background_limit": "its own limit in US dollars; - is off",
    "level": "the highest limit reached: ok, soft, medium or hard",
    "saved": "US dollars saved today",
    "requests": "requests today",
    "in_flight": "requests under way",
    "rpm": "requests a minute",
    "cache": "share of requests that a cache answered, as 37%",
    "kill": "kill while the kill switch is on, else empty",
    "forced": "the tier that is forced, else empty",
    "down": "providers that are down, else empty",
    "trouble": "all that is not as it should be, else empty",
}
"""What ``--format`` can show."""
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class NotTold(NoAnswer):
    """A gateway answers there, and does not tell how it is."""


class BadTemplate(ValueError):
    """A ``--format`` that cannot be used; the text says why, and what can be shown."""


def status(place: Place, *, as_json: bool, template: str | None, timeout_s: float, every_s: float | None) -> int:
    """Prints the line; 0 when a gateway runs, 1 when not, 2 for a template with an unknown field.

    ``every_s`` prints it again and again, until it is ended.
    """
    try:
        if template is not None:
            filled(template, dict.fromkeys(FIELDS, ""))
    except BadTemplate as error:
        print(f"llmgw: {error}", file=sys.stderr)
        return 2
    while True:
        code = _once(place, as_json, template, timeout_s)
        if every_s is None:
            return code
        sys.stdout.flush()
        time.sleep(every_s)


def _once(place: Place, as_json: bool, template: str | None, timeout_s: float) -> int:
    try:
        found = _ask(place, timeout_s)
    except (NoAnswer, SettingsError) as error:
        _say_why(place.address, error, as_json, template)
        return 1
    if as_json:
        print(json.dumps({"running": True, "address": place.address, **found}))
        return 0
    fields = fields_of(found, place.address)
    print(filled(template, fields) if template is not None else line_of(fields))
    return 0


def _say_why(address: str, error: Exception, as_json: bool, template: str | None) -> None:
    """What is printed in place of a status."""
    state = UNKNOWN if isinstance(error, NotTold) else NOT_RUNNING
    if as_json:
        print(json.dumps({"running": state == UNKNOWN, "state": state, "address": address, "why": str(error)}))
    elif template is not None:
        none = dict.fromkeys(FIELDS, "-") | {"kill": "", "forced": "", "down": ""}
        print(filled(template, none | {"state": state, "address": address, "trouble": str(error)}))
    elif state == UNKNOWN:
        print(f"llmgw: {error}.", file=sys.stderr)
    else:
        print(f"llmgw {NOT_RUNNING}: {error}")


def _ask(place: Place, timeout_s: float) -> Mapping[str, Any]:
    """The gateway's status. Whoever else listens there is not told the key."""
    until = time.monotonic() + timeout_s
    _, health = ask(place.address, "/health", None, until)
    if health.get("service") != "llmgw":
        raise NoAnswer(f"something else answers at {place.address}, and is not told the key")
    code, found = ask(place.address, "/api/status", place.key or kept_secret(place.data_dir), until)
    if code == 401:
        raise NotTold(wrong_key(place.address))
    if code != 200 or not isinstance(found.get("metrics"), dict) or not isinstance(found.get("budget"), dict):
        raise NotTold(f"the gateway at {place.address} is of another version: start it anew")
    return {**health, **found}


def fields_of(found: Mapping[str, Any], address: str) -> dict[str, str]:
    """What can be shown of an answer of ``/api/status``, as text that is fit for a terminal."""
    metrics, budget, kill = found["metrics"], found["budget"], found["kill"]
    down = [f"{one['name']} ({one['why']})" if one["why"] else one["name"] for one in found["down"]]
    forced = found["forced_tier"] or ""
    own = budget.get("background") or {"spent_usd": 0.0, "limit_usd": None, "reached": False}
    trouble = [
        *([f"kill switch on by {kill['by']}"] if kill["on"] else []),
        *([found["state_detail"]] if found["state_detail"] and not kill["on"] else []),
        *(["ledger not writable"] if not budget["ledger_ok"] else []),
        *([f"over the {budget['level']} limit"] if budget["level"] != "ok" else []),
        *(["background limit reached"] if own["reached"] else []),
        *([f"tier {forced} forced"] if forced else []),
        *(f"{one} down" for one in down),
    ]
    fields = {
        "state": found["state"],
        "detail": found["state_detail"],
        "address": address,
        "version": found["version"],
        "uptime": _uptime(found["uptime_s"]),
        "spent": f"{budget['spent_usd']:.2f}",
        "reserved": f"{budget['reserved_usd']:.2f}",
        **{name: _limit(budget[f"{name}_usd"]) for name in ("soft", "medium", "hard")},
        "left": _limit(budget["remaining_usd"], off=None),
        "background": f"{own['spent_usd']:.2f}",
        "background_limit": _limit(own["limit_usd"]),
        "level": budget["level"],
        "saved": f"{metrics['saved_usd']:.2f}",
        "requests": str(metrics["requests_today"]),
        "in_flight": str(metrics["in_flight"]),
        "rpm": f"{metrics['requests_per_minute']:.0f}",
        "cache": f"{metrics['cache']['hit_rate']:.0%}",
        "kill": "kill" if kill["on"] else "",
        "forced": forced,
        "down": ", ".join(down),
        "trouble": "; ".join(trouble),
    }
    return {name: _clean(str(value)) for name, value in fields.items()}


def line_of(fields: Mapping[str, str]) -> str:
    """The line when no template is given; what is wrong stands at its end."""
    of = "" if fields["hard"] == "-" else f" of {fields['hard']}"
    of_own = "" if fields["background_limit"] == "-" else f" of {fields['background_limit']}"
    words = (
        f"llmgw {fields['state']}",
        f"{fields['spent']}{of} USD today",
        *([f"background {fields['background']}{of_own}"] if fields["background"] != "0.00" else []),
        f"saved {fields['saved']}",
        f"{fields['requests']} requests",
        f"cache {fields['cache']}",
        f"{fields['in_flight']} in flight",
        *([f"! {fields['trouble']}"] if fields["trouble"] else []),
    )
    return "  ".join(words)


def filled(template: str, fields: Mapping[str, str]) -> str:
    """``template`` with each ``{name}`` exchanged; ``{{`` and ``}}`` are braces, ``\\n`` and ``\\t`` what they say.

    Raises :class:`BadTemplate`.
    """

    def exchanged(match: re.Match[str]) -> str:
        whole, name = match.group(), match.group(1)
        if name is None and len(whole) == 2:
            return whole[0]
        if name not in fields:
            what = f"{{{name}}} is no field" if name is not None else f"a single {whole} (write {whole * 2})"
            raise BadTemplate(f"--format: {what}. Fields: {', '.join(FIELDS)}")
        return fields[name]

    return _FIELD.sub(exchanged, template.replace("\\n", "\n").replace("\\t", "\t"))


def _limit(usd: float | None, off: float | None = 0.0) -> str:
    return "-" if usd is None or (off is not None and usd == off) else f"{usd:.2f}"


def _uptime(seconds: float) -> str:
    minutes = int(max(0.0, seconds)) // 60
    days, hours = divmod(minutes // 60, 24)
    return f"{days}d{hours:02}" if days else f"{hours}h{minutes % 60:02}" if hours else f"{minutes}m"


def _clean(text: str) -> str:
    """Foreign words without what would act on a terminal."""
    if text.isascii() and text.isprintable():
        return text
    from llmgw_tui.text import one_line

    return one_line(text)
