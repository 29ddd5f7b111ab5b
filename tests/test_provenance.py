"""Where each setting comes from, what wins, what is masked, and what is said of a slip."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from gateway_core.model import KillSwitch, Tier
from gateway_core.provenance import NOT_SET, provenance, shown
from gateway_core.redaction import HIDDEN
from gateway_core.setting_docs import GROUPS, OTHER, explanations, group_of
from gateway_core.setting_origins import origins, strange_names
from gateway_core.setting_values import SettingsReport, SettingValue
from gateway_core.settings import Settings, SettingsError
from gateway_core.settings_files import SettingsFiles
from gateway_core.store.operator import BudgetOverride, Limits, OperatorState

KEY = "sk-ant-api03-not-to-be-seen-by-anybody-ab12"


@pytest.fixture(autouse=True)
def nobody_elses_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
        monkeypatch.delenv(f"LLMGW_{field.upper()}", raising=False)
    monkeypatch.delenv("LLMGW_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def files(tmp_path: Path, text: str, **flags: object) -> SettingsFiles:
    file = tmp_path / "config.yaml"
    file.write_text(text, "utf-8")
    return SettingsFiles(file, **flags)


def told(report: SettingsReport, name: str) -> SettingValue:
    return next(one for one in report.settings if one.name == name)


def test_each_source_is_named_with_its_place_and_what_it_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = files(tmp_path, "# mine\nrate_limit_rpm: 7\nport: 1001\ndaily_budget_hard: 20\n", port=1004)
    (tmp_path / ".env").write_text("\nexport DAILY_BUDGET_HARD=30\nLLMGW_PORT=1002\nGROQ_API_KEY=\n")
    monkeypatch.setenv("LLMGW_PORT", "1003")
    report = provenance(given.load(), given)
    port, rpm, hard, groq = (
        told(report, name) for name in ("LLMGW_PORT", "RATE_LIMIT_RPM", "DAILY_BUDGET_HARD", "GROQ_API_KEY")
    )
    assert (port.value, port.source, port.where) == ("1004", "flag", "--port")
    assert port.hidden_by == (
        "environment: LLMGW_PORT",
        f".env: {tmp_path / '.env'} line 3",
        f"config.yaml: {tmp_path / 'config.yaml'} line 3",
    )
    assert (rpm.value, rpm.source, rpm.where) == ("7", "config.yaml", f"{tmp_path / 'config.yaml'} line 2")
    assert (hard.value, hard.source, hard.default) == ("30", ".env", "50") and hard.changed
    assert (groq.value, groq.source, groq.changed) == (NOT_SET, "default", False), "an empty variable sets nothing"
    assert report.files[0] == (str(tmp_path / "config.yaml"), True)


def test_every_source_that_pydantic_reads_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each variable on its own changes its setting if and only if it is told as its origin."""
    given = files(tmp_path, "")
    for field in ("rate_limit_rpm", "port", "daily_budget_soft"):
        for variable in (field.upper(), f"LLMGW_{field.upper()}", field):
            monkeypatch.setenv(variable, "17")
            counts = getattr(given.load(), field) == 17
            assert bool(origins(given)[field]) is counts, variable
            monkeypatch.delenv(variable)


def test_an_origin_is_told_for_each_value_that_is_read_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = files(tmp_path, "port: 1\nrate_limit_rpm: 7\nprices: {a/x: {input: 1, output: 2}}\n", host="::1", port=2)
    (tmp_path / ".env").write_text("llmgw_port=3\nDAILY_BUDGET_HARD=4\nRATE_LIMIT_RPM=\nPORT=5\n")
    monkeypatch.setenv("PRICES", "{}")
    monkeypatch.setenv("rate_limit_rpm", "8")
    read = given.found(Settings.model_fields)
    places = {".env": str(tmp_path / ".env"), "config.yaml": str(tmp_path / "config.yaml")}
    told = {
        field: [places.get(origin.source, origin.source) for origin in found]
        for field, found in origins(given).items()
        if found
    }
    assert told == {field: [value.place for value in found] for field, found in read.items()}
    assert len(told["port"]) == 3 and told["prices"] == ["environment", places["config.yaml"]]


@pytest.mark.parametrize(("name", "text"), [("config.yaml", "port: [1\n"), (".env", "PORT=\xff")])
def test_a_file_that_cannot_be_read_sets_nothing_and_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    given = files(tmp_path, "port: 1\n")
    (tmp_path / ".env").write_text("LLMGW_PORT=2\n")
    monkeypatch.setenv("LLMGW_PORT", "3")
    settings = given.load()
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    kept = {"config.yaml": ".env", ".env": "config.yaml"}[name]
    assert [origin.source for origin in origins(given)["port"]] == ["environment", kept]
    assert provenance(settings, given).problems


def test_of_two_dotenv_files_the_one_of_the_working_folder_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    given = files(tmp_path, "")
    (tmp_path / ".env").write_text("RATE_LIMIT_RPM=1\n")
    (here / ".env").write_text("RATE_LIMIT_RPM=2\n")
    monkeypatch.setenv("RATE_LIMIT_RPM", "")
    told_rpm = told(provenance(given.load(), given), "RATE_LIMIT_RPM")
    assert (told_rpm.value, told_rpm.where) == ("2", f"{here / '.env'} line 1")
    assert told_rpm.hidden_by == (f".env: {tmp_path / '.env'} line 1",), "an empty variable sets nothing"


def test_no_secret_is_in_the_report_however_it_is_given(tmp_path: Path) -> None:
    given = files(
        tmp_path,
        f"anthropic_api_key: {KEY}\nlocal_llm_url: http://ada:hunter22@host:1/v1\n"
        "semantic_cache_uri: s3://bucket/with?secret_key=0123456789abcdef\n"
        "providers:\n  own:\n    base_url: https://u:hunter33@own.example/v1?api_key=hunter44\n"
        f"    model: m\n    api_key: {KEY[::-1]}\n    headers: {{x-own-key: hunter55}}\n",
    )
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
    report = provenance(given.load(), given)
    whole = repr(report)
    for secret in (KEY, KEY[::-1], "hunter22", "hunter33", "hunter44", "hunter55", "0123456789ab"):
        assert secret not in whole, secret
    key = told(report, "ANTHROPIC_API_KEY")
    assert key.value == "set, ends in …ab12" and key.secret and KEY[:5] not in key.line
    assert told(report, "LOCAL_LLM_URL").value == "http://host:1/v1"
    (own,) = told(report, "PROVIDERS").details
    assert own.startswith("own: https://own.example/v1") and "headers x-own-key" in own and "m (cheap)" in own


@pytest.mark.parametrize("secret", ["x", "short", "a" * 23])
def test_nothing_of_a_short_secret_is_shown(secret: str) -> None:
    assert shown(SecretStr(secret)) == "set"


def test_a_slip_is_told_with_its_line_and_the_nearest_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = files(tmp_path, "rate_limit_rpm: 7\n")
    settings = right.load()
    wrong = files(tmp_path, "rate_limit_rpm: 7\n\ndaily_budget_hrad: 20\n")
    (tmp_path / ".env").write_text("DAILY_BUDGET_HART=3\nMY_OWN=1\n")
    monkeypatch.setenv("GROQ_API_KEYS", "x")
    report = provenance(settings, wrong)
    assert [text.replace(str(tmp_path), "") for text in report.problems] == [
        "/config.yaml line 3: daily_budget_hrad (did you mean daily_budget_hard?) is no setting of llmgw.",
        "/.env line 1: DAILY_BUDGET_HART is no setting of llmgw; did you mean DAILY_BUDGET_HARD?",
        "The environment: GROQ_API_KEYS is no setting of llmgw; did you mean GROQ_API_KEY?",
    ]
    with pytest.raises(SettingsError, match=r"daily_budget_hrad \(did you mean daily_budget_hard\?\)"):
        wrong.load()
    assert strange_names(right, {"PATH": "/bin", "LLMGW_CONFIG": "x", "HOME": "/"}) == strange_names(right, {})


def test_what_is_configured_and_not_in_force_is_told_at_its_setting(tmp_path: Path) -> None:
    settings = files(tmp_path, "port: 1001\nrate_limit_rpm: 7\n").load()
    report = provenance(settings, files(tmp_path, "port: 1002\nrate_limit_rpm: 8\n"))
    assert told(report, "LLMGW_PORT").waiting == "1002 is configured: it needs a restart of llmgw."
    assert told(report, "RATE_LIMIT_RPM").waiting == "8 is configured: it is taken up in a moment."
    mistaken = provenance(settings, files(tmp_path, "port: 1001\nrate_limit_rpm: many\n"))
    assert told(mistaken, "RATE_LIMIT_RPM").waiting.startswith("RATE_LIMIT_RPM: ")
    assert told(mistaken, "RATE_LIMIT_RPM").value == "7" and len(mistaken.problems) == 1


def test_what_the_operator_set_stands_over_the_configuration(tmp_path: Path) -> None:
    given = files(tmp_path, "daily_budget_hard: 50\ncheap_model: small\n")
    configured = Limits(5_000_000, 15_000_000, 50_000_000)
    state = OperatorState(
        kill=KillSwitch(True, 90.0, "key"),
        forced_tier=Tier.CHEAP,
        cheap_model="groq/large",
        budget=BudgetOverride(Limits(5_000_000, 15_000_000, 20_000_000), configured),
        changed={"budget": 100.0, "cheap_model": 200.0, "forced_tier": 300.0},
    )
    report = provenance(given.load(), given, state)
    hard, cheap, forced, kill = (
        told(report, name) for name in ("DAILY_BUDGET_HARD", "CHEAP_MODEL", "FORCED TIER", "KILL SWITCH")
    )
    assert (hard.value, hard.source, hard.set_at) == ("20", "operator", 100.0)
    assert hard.hidden_by[0] == f"config.yaml: {tmp_path / 'config.yaml'} line 1 (50)" and "set_budget" in hard.undo
    assert (cheap.value, cheap.set_at) == ("groq/large", 200.0) and "auto" in cheap.undo
    assert (forced.value, forced.set_at, kill.value, kill.set_at) == ("cheap", 300.0, "on", 90.0)
    assert told(report, "DAILY_BUDGET_SOFT").source == "default"
    newer = files(tmp_path, "daily_budget_hard: 60\n")
    assert told(provenance(newer.load(), newer, state), "DAILY_BUDGET_HARD").value == "60", "a newer file wins"


def test_every_setting_is_explained_in_a_group_and_its_line_sets_it(tmp_path: Path) -> None:
    report = provenance(files(tmp_path, "").load(), SettingsFiles(tmp_path / "config.yaml"))
    names = {one.name for one in report.settings}
    assert len(names) == len(Settings.model_fields) + 0 == len(report.settings)
    for field in Settings.model_fields:
        assert explanations().get(field), f"{field} has no docstring"
        assert group_of(field) in GROUPS and group_of(field) != OTHER, field
    for one in report.settings:
        if not one.secret and "…" not in one.line:
            (name,) = yaml.safe_load(one.line)
            assert name in Settings.model_fields, one.line
            files(tmp_path, one.line).load()


def test_the_lines_group_by_group_follow_the_order_of_the_groups(tmp_path: Path) -> None:
    report = provenance(files(tmp_path, "").load(), None, OperatorState())
    groups = list(dict.fromkeys(one.group for one in report.settings))
    assert groups[1:] == [group for group in GROUPS if group in groups]
    assert report.files == () and report.problems == ()


def test_a_file_that_is_no_yaml_is_a_problem_and_breaks_nothing(tmp_path: Path) -> None:
    settings = files(tmp_path, "").load()
    report = provenance(settings, files(tmp_path, "a: [unclosed\n"))
    assert len(report.problems) == 1 and "YAML" in report.problems[0]
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe")
    assert provenance(settings, SettingsFiles(tmp_path / "config.yaml")).problems
    assert HIDDEN not in repr(report)
