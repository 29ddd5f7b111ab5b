"""``llmgw settings``: which settings are in force, and where each comes from."""

from __future__ import annotations

from dataclasses import asdict

from gateway_core.provenance import provenance
from gateway_core.setting_values import SettingsReport, SettingValue
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles
from llmgw_tui.reach import asked_gateway, gateway_answers
from llmgw_tui.tables import print_table
from llmgw_tui.telling import complain, print_json
from llmgw_tui.text import fit, one_line

VALUE_CELLS = 40


async def show(settings: Settings, files: SettingsFiles, query: str, *, as_json: bool) -> int:
    """Prints the settings of the running gateway that have ``query`` in name or explanation, with all that is known of
    it where there is only one. Without a gateway those that one would start with. Returns the exit code."""
    report = await _report(settings, files)
    if report is None:
        return 1
    if report.problem:
        return complain(report.problem)
    wanted = query.casefold()
    exact = [one for one in report.settings if one.name.casefold() == wanted]
    found = exact or [one for one in report.settings if wanted in f"{one.name}\n{one.explanation}".casefold()]
    if as_json:
        print_json({**asdict(report), "settings": [asdict(one) for one in found]})
        return 0 if found else 1
    if len(found) == 1:
        _one(found[0])
    elif found:
        _table(found)
    else:
        complain("no setting matches.")
    for problem in report.problems:
        complain(problem)
    return 0 if found else 1


async def _report(settings: Settings, files: SettingsFiles) -> SettingsReport | None:
    if not await gateway_answers(settings):
        complain("no gateway runs: this is what one would start with.")
        return provenance(settings, files)
    async with asked_gateway(settings) as source:
        return await source.settings() if source is not None else None


def _table(found: list[SettingValue]) -> None:
    head = ("", "setting", "in force", "from", "where")
    rows = [
        (
            "*" if one.changed else "",
            one_line(one.name),
            fit(one_line(one.value), VALUE_CELLS).rstrip(),
            one.source,
            one_line(one.where),
        )
        for one in found
    ]
    print_table([head, *rows], left=5)
    print("\n* is not the default. A setting's name shows all of it.")


def _one(one: SettingValue) -> None:
    lines = (
        (one.name, one.value),
        ("from", f"{one.source}{': ' if one.where else ''}{one.where}"),
        ("default", one.default),
        ("may be", one.allowed),
        ("", one.explanation),
        *(("beats", text) for text in one.hidden_by),
        ("waiting", one.waiting),
        ("undo", one.undo),
        *(("holds", text) for text in one.details),
        ("set by", one.line),
        ("change", "needs a restart of llmgw" if one.restart else "takes effect while llmgw runs"),
    )
    for name, text in lines:
        if text:
            print(f"{one_line(name):<9} {one_line(text)}")
