"""Who belongs to the team that shares semantic answers."""

from __future__ import annotations

from pathlib import Path

from gateway_core.cache.team import Team
from gateway_core.secret import fingerprint, gateway_secret
from gateway_core.settings import Settings


def test_a_caller_with_the_gateways_own_key_belongs_to_the_team(tmp_path: Path) -> None:
    team = Team(Settings(data_dir=tmp_path, semantic_cache_team=" blue ", gateway_secret="key"))
    assert team.of(fingerprint("key")) == "blue"
    assert team.of(fingerprint("other")) == team.of("") == ""


def test_the_key_may_be_made_later(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, semantic_cache_team="blue")
    team = Team(settings)
    assert team.of("me") == ""
    secret = gateway_secret(settings)
    assert secret and team.of(fingerprint(secret)) == "blue"


def test_without_a_team_everybody_is_alone(tmp_path: Path) -> None:
    team = Team(Settings(data_dir=tmp_path, gateway_secret="key"))
    assert team.of(fingerprint("key")) == ""
