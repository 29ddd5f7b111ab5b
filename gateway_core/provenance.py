"""Every setting with what is in force, where that came from, and what the operator has put over it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from gateway_core.credentials import without_credentials
from gateway_core.frozen import frozen
from gateway_core.gates.daily_limits import background_limit, configured_limits
from gateway_core.redaction import masked
from gateway_core.reload import LIVE
from gateway_core.setting_docs import GROUPS, allowed, explanations, group_of, is_secret
from gateway_core.setting_origins import Origin, origins, strange_names
from gateway_core.setting_values import SettingsReport, SettingValue
from gateway_core.settings import Price, ProviderEntry, Settings, SettingsError
from gateway_core.settings_files import SettingsFiles
from gateway_core.settings_sources import environment_name
from gateway_core.store.operator import OperatorState

NOT_SET = "not set"
MADE = "made at the first start"
BY_YOU = "Set by you while it runs"
_KEPT = "you, while llmgw ran; kept over a restart"
_LONGEST_VALUE = 200
_EXAMPLES = {
    "providers": 'providers: [{name: mistral, base_url: "https://api.mistral.ai/v1", api_key_env: MISTRAL_API_KEY, '
    "model: mistral-small-latest}]",
    "prices": "prices: {provider/model: {input: 3.0, output: 15.0}}",
    "unknown_price": "unknown_price: {input: 30.0, output: 150.0}",
    "policy_patterns": "policy_patterns: [{name: codename, pattern: '\\bbluebird\\b'}]",
}
_UNDO_MODEL = "the command switch with the model auto (key s)"


@frozen
class _Override:
    """What the operator put over a setting."""

    value: str
    set_at: float | None
    undo: str


def provenance(
    settings: Settings,
    files: SettingsFiles | None,
    state: OperatorState | None = None,
    environment: Mapping[str, str] = os.environ,
    address: str = "",
) -> SettingsReport:
    """All settings, by group. ``settings`` are in force; ``files`` None were not read from files but given by a
    program; ``state`` is what the operator decided, ``address`` where the gateway listens. Reads files: not for the
    event loop."""
    found = origins(files, environment) if files else {}
    strange = strange_names(files, environment) if files else ()
    wanted, wrong = _wanted(files)
    over = _overrides(state, settings) if state else {}
    told = [
        _told(field, settings, found.get(field, ()), files is not None, wanted, wrong, over.get(field))
        for field in Settings.model_fields
    ]
    if settings.port == 0 and (port := urlsplit(address).port):
        came_to = f"0: listens on {port}"
        told = [replace(one, value=came_to) if one.name == environment_name("port") else one for one in told]
    told.sort(key=lambda setting: GROUPS.index(setting.group))
    paths = tuple((str(path), path.is_file()) for path in files.paths) if files else ()
    problems = tuple(dict.fromkeys((*(text for text in wrong if not _is_said(text, strange)), *strange)))
    return SettingsReport((*_by_hand(state), *told), problems, paths)


def _told(
    field: str,
    settings: Settings,
    places: tuple[Origin, ...],
    from_files: bool,
    wanted: Settings | None,
    wrong: tuple[str, ...],
    over: _Override | None,
) -> SettingValue:
    info = Settings.model_fields[field]
    value, default = getattr(settings, field), info.get_default(call_default_factory=True)
    name = environment_name(field)
    origin, beaten = (places[0], places[1:]) if places else (Origin("default", ""), ())
    if not places and value != default:
        origin = Origin("program", "given by what started llmgw" if not from_files else "as it was at the start")
    mistake = next((text for text in wrong if text.startswith((f"{field.upper()}:", f"{field.upper()}."))), "")
    waiting = mistake
    if wanted is not None and getattr(wanted, field) != value:
        how = "is taken up in a moment" if field in LIVE else "needs a restart of llmgw"
        waiting = f"{shown(getattr(wanted, field))} is configured: it {how}."
    secret = is_secret(field)
    is_made = field in ("gateway_secret", "monitor_token")
    made = is_made and value is None
    told = SettingValue(
        name=name,
        group=group_of(field),
        value=MADE if made else shown(value),
        default=MADE if is_made else shown(default),
        source=origin.source,
        where=origin.where,
        explanation=explanations().get(field, ""),
        allowed=allowed(field),
        changed=value != default,
        restart=field not in LIVE,
        secret=secret,
        hidden_by=tuple(f"{place.source}: {place.where}" for place in beaten),
        waiting=waiting,
        line=_line(field, name, value, secret),
        details=tuple(_details(value)),
    )
    if over is None:
        return told
    configured = f"{told.source}{': ' if told.where else ''}{told.where} ({told.value})"
    return replace(
        told,
        value=over.value,
        source="operator",
        where=_KEPT,
        changed=over.value != told.default,
        hidden_by=(configured, *told.hidden_by),
        set_at=over.set_at,
        undo=over.undo,
    )


def shown(value: object) -> str:
    """A setting's value for people, without a secret."""
    match value:
        case None | "" | () | {}:
            return NOT_SET
        case SecretStr():
            return masked(value.get_secret_value()) if value.get_secret_value() else NOT_SET
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case int():
            return str(value)
        case Price():
            return f"{value.input:g} in, {value.output:g} out (USD a million tokens)"
        case tuple() | list():
            names = [str(getattr(one, "name", one)) for one in value]
            return f"{len(names)}: {', '.join(names)}"[:_LONGEST_VALUE]
        case dict():
            return f"{len(value)}: {', '.join(map(str, value))}"[:_LONGEST_VALUE]
        case _:
            return without_credentials(str(value))[:_LONGEST_VALUE]


def _details(value: object) -> Iterable[str]:
    if isinstance(value, dict):
        return [f"{name}: {shown(one)}" for name, one in value.items()]
    if isinstance(value, tuple):
        return [_provider(one) if isinstance(one, ProviderEntry) else _pattern(one) for one in value]
    return ()


def _provider(entry: ProviderEntry) -> str:
    key = f"key {shown(entry.api_key)}" if entry.api_key else f"no key: {entry.lacks_key}" if entry.lacks_key else ""
    sent = [f"headers {', '.join(entry.headers)}"] if entry.headers else []
    models = ", ".join(f"{model.name} ({entry.tier_of(model)})" for model in entry.models)
    parts = (without_credentials(entry.base_url), entry.api, "free" if entry.free else "", key, *sent, models)
    return f"{entry.name}: {'; '.join(part for part in parts if part)}"


def _pattern(one: object) -> str:
    return f"{getattr(one, 'name', '')}: {getattr(one, 'pattern', one)}"


def _line(field: str, name: str, value: object, secret: bool) -> str:
    """The line that sets it: a key belongs into ``.env``, all else into ``config.yaml``."""
    import yaml

    if secret:
        return f"{name}=…   (in .env, beside config.yaml)"
    if field in _EXAMPLES:
        return _EXAMPLES[field]
    plain = str(value) if isinstance(value, Path) else value
    if isinstance(plain, str):
        plain = without_credentials(plain)
    if plain is None:
        return f"{field}: …"
    return yaml.safe_dump({field: plain}, allow_unicode=True, width=10_000).strip()


def _wanted(files: SettingsFiles | None) -> tuple[Settings | None, tuple[str, ...]]:
    """What the files ask for now, or what is wrong with them."""
    if files is None:
        return None, ()
    try:
        return files.load(), ()
    except SettingsError as error:
        return None, tuple(str(error).splitlines())


def _is_said(text: str, strange: tuple[str, ...]) -> bool:
    """Whether a mistake is among the names that are no settings, with their lines."""
    return bool(strange) and "which llmgw does not know" in text


def _overrides(state: OperatorState, settings: Settings) -> dict[str, _Override]:
    configured, own = configured_limits(settings), background_limit(settings)
    found: dict[str, _Override] = {}
    limits, at = state.limits(configured), state.changed.get("budget")
    undo = "set_budget (key b on the spend screen); limits that are changed in the configuration win again"
    for name in ("soft", "medium", "hard"):
        mine, theirs = (getattr(one, f"{name}_microusd") for one in (limits, configured))
        if mine != theirs:
            found[f"daily_budget_{name}"] = _Override(shown(mine / 1e6), at, undo)
    if (in_force := state.background_microusd(own)) != own:
        found["background_budget_daily"] = _Override(
            shown(in_force / 1e6), state.changed.get("background_budget"), undo
        )
    for name, field in (
        ("local_model", "local_llm_model"),
        ("cheap_model", "cheap_model"),
        ("premium_model", "premium_model"),
    ):
        if model := getattr(state, name):
            found[field] = _Override(model, state.changed.get(name), _UNDO_MODEL)
    return found


def _by_hand(state: OperatorState | None) -> tuple[SettingValue, ...]:
    """What only the operator sets: it has no line in any file."""
    if state is None:
        return ()
    forced, kill = state.forced_tier, state.kill
    at = state.changed
    return (
        SettingValue(
            "FORCED TIER",
            BY_YOU,
            forced.value if forced else "auto",
            "auto",
            "operator" if forced else "default",
            _KEPT if forced else "",
            "The tier that every request goes to that names none itself; auto leaves it to the router.",
            "auto, local, cheap, premium",
            changed=forced is not None,
            set_at=at.get("forced_tier") if forced else None,
            undo="key 0" if forced else "",
        ),
        SettingValue(
            "KILL SWITCH",
            BY_YOU,
            "on" if kill.on else "off",
            "off",
            "operator" if kill.on else "default",
            _KEPT if kill.on else "",
            "While it is on, nothing is answered and running requests are stopped.",
            "on, off",
            changed=kill.on,
            set_at=kill.since if kill.on else None,
            undo="key k" if kill.on else "",
        ),
    )
