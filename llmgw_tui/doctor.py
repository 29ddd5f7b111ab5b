"""``llmgw doctor``: looks for what is set up wrong, and says how to mend it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import asdict

from gateway_core.last_settings import last_settings
from gateway_core.model import LocalServer
from gateway_core.ollama.manager import LocalModels
from gateway_core.providers.builtin import BuiltinError, BuiltinModel
from gateway_core.providers.builtin_weights import DOWNLOAD_MB
from gateway_core.providers.pricing import Pricing
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles
from gateway_core.settings_sources import SettingsError
from llmgw_tui.doctor_encoder import encoder_findings
from llmgw_tui.doctor_files import folder_findings, settings_findings
from llmgw_tui.doctor_machine import screen_findings, version_findings
from llmgw_tui.doctor_network import listening_findings, upstream_findings
from llmgw_tui.doctor_providers import provider_findings
from llmgw_tui.doctor_store import store_findings
from llmgw_tui.findings import MARKS, Finding
from llmgw_tui.reach import address_of, gateway_answers, gateway_notices
from llmgw_tui.telling import print_json
from llmgw_tui.text import one_line

OPENCLAW_TOKENS = 14_500
"""An OpenClaw first turn and a short answer (OpenClaw 2026.9.6, 65 kB)."""


def main(files: SettingsFiles, *, fetch_model: bool = False, as_json: bool = False) -> int:
    """Prints the findings; 1 when one of them is a failure. Settings that cannot be read are some of them."""
    try:
        settings = files.load()
    except SettingsError as error:
        goes_on = "llmgw starts with the configuration that worked last until that is mended"
        then = goes_on if last_settings(files) else "Nothing starts before that is mended"
        problems = [Finding("fail", f"{line.rstrip('.')}. {then}.") for line in _lines(error)]
        return _told([*version_findings(), *problems, *settings_findings(files)], as_json=as_json)
    return asyncio.run(run(settings, files, fetch_model=fetch_model, as_json=as_json))


async def run(
    settings: Settings, files: SettingsFiles | None = None, *, fetch_model: bool = False, as_json: bool = False
) -> int:
    """Prints the findings as they come; 1 when one of them is a failure. ``fetch_model`` gets the built-in model if
    missing; else nothing is changed."""
    found = []
    async for finding in examine(settings, files, fetch_model=fetch_model):
        found.append(finding)
        if not as_json:
            _print(finding)
    return _told(found, as_json=True) if as_json else _code(found)


def _told(found: Sequence[Finding], *, as_json: bool) -> int:
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            _print(finding)
    return _code(found)


def _code(found: Iterable[Finding]) -> int:
    return 1 if any(finding.level == "fail" for finding in found) else 0


def _print(finding: Finding) -> None:
    print(f"{MARKS[finding.level]} {one_line(finding.text)}", flush=True)


def _lines(error: SettingsError) -> list[str]:
    return [line for line in str(error).splitlines() if line.strip()]


async def examine(
    settings: Settings, files: SettingsFiles | None = None, *, fetch_model: bool = False
) -> AsyncIterator[Finding]:
    """Everything that is looked at, in the order a person would. What lies in the folder comes before what reads it,
    and so before anything could put its rights straight."""
    for finding in (*version_findings(), *folder_findings(settings.data_dir)):
        yield finding
    if files is not None:
        for finding in (*settings_findings(files), *screen_findings(files.keymap_file, settings.data_dir)):
            yield finding
    running = await gateway_answers(settings)
    if running:
        yield Finding("ok", f"a gateway answers at {address_of(settings)}")
        for notice in await gateway_notices(settings):
            yield Finding("note", f"it says: {notice}")
    else:
        yield Finding("note", f"no gateway runs at {address_of(settings)}; start one with `llmgw` or `llmgw serve`")
    for finding in listening_findings(settings, running):
        yield finding
    async for finding in store_findings(settings, running):
        yield finding
    for finding in (*_money(settings), *provider_findings(settings), *_prices(settings)):
        yield finding
    async for finding in upstream_findings(settings):
        yield finding
    async for finding in encoder_findings(settings):
        yield finding
    async for finding in _local(settings, fetch_model):
        yield finding


def _money(settings: Settings) -> list[Finding]:
    soft, medium, hard = settings.daily_budget_soft, settings.daily_budget_medium, settings.daily_budget_hard
    if not hard:
        return [Finding("note", "DAILY_BUDGET_HARD is 0: nothing stops the spending")]
    if max(soft, medium, background := settings.background_budget_daily) > hard:
        return [Finding("note", f"every other daily limit ends at the hard one, {hard:.2f} USD a day")]
    own = f"background {background:.2f}" if background else "background off"
    return [Finding("ok", f"daily limits: soft {soft:.2f}, medium {medium:.2f}, hard {hard:.2f}, {own} USD")]


def _prices(settings: Settings) -> list[Finding]:
    """Paid models that are set, and whose price nobody knows."""
    pricing = Pricing(settings.all_prices, settings.unknown_price)
    paid = [("anthropic", settings.premium_model)]
    if settings.cheap_model and settings.cheap_provider not in (None, "local"):
        paid.append((str(settings.cheap_provider), settings.cheap_model))
    guess = settings.unknown_price
    return [
        Finding(
            "note",
            f"no price is known for {provider}/{model}: it is reserved and charged at {guess.input:g} and "
            f"{guess.output:g} USD for a million tokens in and out. Set it under prices in config.yaml.",
        )
        for provider, model in paid
        if not pricing.is_known(provider, model)
    ]


async def _builtin(builtin: BuiltinModel, fetch_model: bool) -> AsyncIterator[Finding]:
    missing = builtin.available()
    if missing and fetch_model:
        yield Finding("note", f"fetching the built-in model's weights ({DOWNLOAD_MB} MB) ...")
        try:
            await builtin.fetch()
        except BuiltinError as error:
            yield Finding("fail", str(error))
            return
        missing = builtin.available()
    yield Finding("note", missing) if missing else Finding("ok", "the built-in model is installed")


async def _local(settings: Settings, fetch_model: bool) -> AsyncIterator[Finding]:
    builtin = BuiltinModel(settings.data_dir / "builtin", settings.builtin_context_tokens)
    async for finding in _builtin(builtin, fetch_model):
        yield finding
    if not settings.local_llm_enabled:
        yield Finding("note", "LOCAL_LLM_ENABLED is off: there is no free tier")
        return
    if settings.builtin_model == "on":
        yield Finding("note", "BUILTIN_MODEL is on: no other local model is used")
        return
    models = LocalModels(settings.model_copy(update={"builtin_model": "off"}), lambda event: None)
    await models.start()
    try:
        server = await models.refresh()
        if not server.reachable:
            stands_in = settings.builtin_model == "auto" and builtin.available() is None
            yield Finding("note", f"{server.detail} {'The built-in model stands in.' if stands_in else ''}".rstrip())
            return
        for finding in _server(server, models):
            yield finding
    finally:
        await models.close()


def _server(server: LocalServer, models: LocalModels) -> list[Finding]:
    findings = [Finding("ok", f"{server.kind} {server.version} at {server.base_url}")]
    if server.current_model is None:
        return [
            *findings,
            Finding("fail", server.detail or "it has no model: pull one, for example `ollama pull qwen3:8b`"),
        ]
    context = models.context_of(server.current_model)
    if context is not None and context < OPENCLAW_TOKENS:
        findings.append(
            Finding(
                "fail",
                f"{server.current_model} can have a context of {context} tokens; an OpenClaw turn needs "
                f"{OPENCLAW_TOKENS}. Use a model with a longer context, free memory, or set LOCAL_CONTEXT_TOKENS.",
            )
        )
    else:
        findings.append(Finding("ok", f"local model {server.current_model}, context {context or 'not told'}"))
    return findings
