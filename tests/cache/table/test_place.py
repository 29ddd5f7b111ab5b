"""Where the table is, and what reaches the child of what leads there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_core.cache.table.options import VARIABLE, TableOptions
from gateway_core.cache.table.place import Place
from gateway_core.cache.table.worth import Limits
from gateway_core.settings import Settings, SettingsError
from gateway_core.settings_files import load_settings

ENVIRONMENT = {
    "AWS_SECRET_ACCESS_KEY": "aws",
    "GOOGLE_SERVICE_ACCOUNT": "google",
    "AZURE_STORAGE_ACCOUNT_KEY": "azure",
    "LANCEDB_API_KEY": "lance",
    "HTTPS_PROXY": "http://proxy",
    "ANTHROPIC_API_KEY": "anthropic",
    "GATEWAY_SECRET": "gateway",
}


@pytest.mark.parametrize(
    ("uri", "lets_through"),
    [
        ("", set()),
        ("/mnt/team/cache", set()),
        ("memory://", set()),
        ("s3://bucket/cache", {"aws", "http://proxy"}),
        ("S3://bucket/cache", {"aws", "http://proxy"}),
        ("gs://bucket/cache", {"google", "http://proxy"}),
        ("az://container/cache", {"azure", "http://proxy"}),
        ("db://cache", {"lance", "http://proxy"}),
    ],
)
def test_only_the_keys_of_that_kind_of_place_reach_the_child(uri: str, lets_through: set[str]) -> None:
    options = TableOptions(Place.of(uri, Path("/data")))
    told = options.environment(ENVIRONMENT)
    assert set(told.values()) - {told[VARIABLE]} == lets_through


def test_a_folder_of_our_own_is_the_default() -> None:
    assert Place.of(" ", Path("/data")) == Place("/data/semantic.lance", Path("/data/semantic.lance"), False)


def test_a_folder_may_be_a_path_or_a_file_uri() -> None:
    shared = Place("/mnt/the team/cache", Path("/mnt/the team/cache"), True)
    assert Place.of("/mnt/the team/cache", Path("/data")) == shared
    assert Place.of("file:///mnt/the%20team/cache", Path("/data")) == shared
    assert Place.of("~/cache", Path("/data")).folder == Path.home() / "cache"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("s3://key:secret@bucket/cache?secret=1#secret", "s3://…@bucket/cache"),
        ("s3://bucket/cache", "s3://bucket/cache"),
        ("db://[secret", "db://…"),
        ("/mnt/cache", "/mnt/cache"),
    ],
)
def test_keys_in_an_uri_are_never_shown(uri: str, shown: str) -> None:
    assert Place.of(uri, Path("/data")).shown == shown


@pytest.mark.parametrize("uri", ["", "s3://key:secret@bucket/cache"])
def test_the_child_understands_what_it_is_told(uri: str) -> None:
    options = TableOptions(Place.of(uri, Path("/data")), Limits(5, 6))
    assert "secret" not in str(options.argument)
    assert TableOptions.of_child(str(options.argument), options.environment({})) == options
    assert TableOptions.of_child("-", {}) is None


def test_an_uri_that_lancedb_cannot_open_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("semantic_cache_uri: ftp://user:pass@host/cache\n")
    with pytest.raises(SettingsError, match="SEMANTIC_CACHE_URI") as refused:
        load_settings(config_file=config)
    assert "pass" not in str(refused.value)


def test_settings_do_not_show_the_uri(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, semantic_cache_uri="s3://key:hidden@bucket")
    assert "hidden" not in repr(settings) + settings.model_dump_json()
