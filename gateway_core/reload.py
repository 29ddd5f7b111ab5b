"""Takes up a changed configuration while the gateway runs, or says why it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

from pydantic import SecretStr

from gateway_core.last_settings import remember
from gateway_core.model import CommandResult
from gateway_core.settings import Settings, SettingsError
from gateway_core.settings_files import SettingsFiles
from gateway_core.settings_sources import environment_name

LIVE = frozenset(
    (
        *("gateway_secret", "monitor_token"),
        *("local_llm_enabled", "local_llm_url", "local_llm_model", "local_llm_api_key", "local_context_tokens"),
        *("local_keep_alive", "local_max_wait_s", "local_registry", "ollama_host", "providers"),
        *("cheap_provider", "cheap_model", "premium_model", "default_tier"),
        *("anthropic_api_key", "anthropic_setup_token", "anthropic_base_url", "groq_api_key", "groq_base_url"),
        *("openai_api_key", "openai_base_url", "router_provider", "router_model", "router_learning"),
        *("router_embedding", "router_easy_below", "router_hard_from"),
        *("daily_budget_soft", "daily_budget_medium", "daily_budget_hard", "background_budget_daily"),
        *("rate_limit_rpm", "rate_limit_tpm"),
        *("max_output_tokens", "prices", "unknown_price", "exact_cache", "exact_cache_ttl_s", "cache_replay"),
        *("policy", "policy_patterns", "keep_bodies_days", "context_compaction", "context_compaction_tiers"),
        *("upstream_first_byte_s", "upstream_idle_s", "local_first_byte_s", "upstream_total_s", "client_write_s"),
    )
)
"""What can change while llmgw runs. The rest is where it listens, what it holds open and what runs on its own."""
_LONGEST_SHOWN = 60

Apply = Callable[[Settings], Awaitable[None]]
Tell = Callable[[str, str], None]
"""Hears a level and a text."""


class Reloader:
    """Reads the settings again and has them applied. ``apply`` raises ``SettingsError`` before it changes anything.

    Two reloads never run at once. What went wrong last stays in :attr:`notices` until a reload goes well.
    """

    def __init__(self, files: SettingsFiles | None, current: Callable[[], Settings], apply: Apply, tell: Tell) -> None:
        self._files = files
        self._current = current
        self._apply = apply
        self._tell = tell
        self._one_at_a_time = asyncio.Lock()
        self._trouble = files.trouble if files else ""
        self._waiting = ""

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know now of the configuration."""
        return tuple(text for text in (self._trouble, self._waiting) if text)

    async def reload(self) -> CommandResult:
        """Reads everything again; the result says what has changed, or what is wrong."""
        if self._files is None:
            return CommandResult(False, "This gateway was not started from a configuration: there is nothing to read.")
        async with self._one_at_a_time:
            try:
                wanted = await asyncio.to_thread(self._files.load)
                result = await self._take_up(wanted)
                await asyncio.to_thread(remember, self._files, wanted.data_dir)
                return result
            except SettingsError as error:
                problem = "; ".join(str(error).splitlines())
                self._trouble = f"The configuration was not taken over, the old one stays in force: {problem}"
                self._tell("error", self._trouble)
                return CommandResult(False, self._trouble)

    async def _take_up(self, wanted: Settings) -> CommandResult:
        before = self._current()
        fixed = (name for name in Settings.model_fields if name not in LIVE)
        late = [name for name in fixed if getattr(wanted, name) != getattr(before, name)]
        new = wanted.model_copy(update={name: getattr(before, name) for name in late})
        said = changes(before, new)
        if said:
            await self._apply(new)
        self._trouble = ""
        self._waiting = f"{_names(late)} changed in the configuration, and needs a restart of llmgw." if late else ""
        text = f"Configuration reloaded: {'; '.join(said)}." if said else "Nothing has changed that can be taken over."
        if not said and not late:
            text = "The configuration has not changed."
        if said or late:
            self._tell("warning" if late else "info", f"{text} {self._waiting}".strip())
        return CommandResult(True, f"{text} {self._waiting}".strip())


def changes(before: Settings, after: Settings) -> list[str]:
    """What is different, one setting each, in words without a secret."""
    found = []
    for name in Settings.model_fields:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            found.append(_change(name, old, new))
    return found


def _change(name: str, old: object, new: object) -> str:
    shown = name.upper()
    if isinstance(old, SecretStr) or isinstance(new, SecretStr):
        return f"{shown} {'changed' if old and new else 'set' if new else 'removed'}"
    if name == "providers":
        return f"{shown} {_providers(old, new)}"
    if isinstance(new, str | int | float | None) and isinstance(old, str | int | float | None):
        return f"{shown} {_short(old)} -> {_short(new)}"
    return f"{shown} changed"


def _providers(old: object, new: object) -> str:
    before = {entry.name: entry for entry in old} if isinstance(old, tuple) else {}
    after = {entry.name: entry for entry in new} if isinstance(new, tuple) else {}
    parts = (
        ("added", [name for name in after if name not in before]),
        ("removed", [name for name in before if name not in after]),
        ("changed", [name for name in after if name in before and after[name] != before[name]]),
    )
    return ", ".join(f"{', '.join(names)} {what}" for what, names in parts if names) or "in another order"


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    if "://" in text:
        parts = urlsplit(text)
        text = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _names(names: Iterable[str]) -> str:
    return ", ".join(environment_name(name) for name in names)
