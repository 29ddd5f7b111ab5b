"""Typed settings: defaults < config.yaml < .env < environment < flags."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

DEFAULT_PORT = 8000
DEFAULT_LOCAL_URL = "http://127.0.0.1:11434/v1"
_DURATION = re.compile(r"-?\d+|-?(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")


class SettingsError(ValueError):
    """The settings cannot be used; the message names the setting and what it may be."""


class Price(BaseModel):
    """What a model costs, in US dollars for a million tokens. Given for models that genai-prices does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cache_read: float | None = Field(default=None, ge=0)
    cache_write_5m: float | None = Field(default=None, ge=0)
    cache_write_1h: float | None = Field(default=None, ge=0)


class PolicyPattern(BaseModel):
    """A pattern of the user's own for the policy gate: a regular expression, matched against the user's words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pattern: str


def default_data_dir() -> Path:
    """Where the ledger, the caches and the key live when nothing else is said."""
    return Path(platformdirs.user_data_dir("llmgw", appauthor=False))


def default_config_file() -> Path:
    """Where ``config.yaml`` is looked for when nothing else is said."""
    return Path(platformdirs.user_config_dir("llmgw", appauthor=False)) / "config.yaml"


def _env(name: str) -> AliasChoices:
    """A field that the environment knows by a name of its own, and the file by the field's name."""
    return AliasChoices(name, name.lower().removeprefix("llmgw_"))


_NAMES_OF_THE_FILE = {"host", "port", "data_dir"}
"""Too common to be taken from the environment, where they mean other programs."""


class Settings(BaseSettings):
    """Everything that can be set. The environment's names are the fields' in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True)

    host: str = Field(default="127.0.0.1", validation_alias=_env("LLMGW_HOST"))
    """Address to listen on. Anything but loopback lets others on the network spend your money."""
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535, validation_alias=_env("LLMGW_PORT"))
    """Port to listen on; 0 takes a free one."""
    data_dir: Path = Field(default_factory=default_data_dir, validation_alias=_env("LLMGW_DATA_DIR"))
    """Folder of the ledger, the caches and the key."""
    gateway_secret: SecretStr | None = None
    """The key clients must send. Made at first start when not set."""

    local_llm_enabled: bool = True
    """Whether there is a LOCAL tier."""
    local_llm_url: str = DEFAULT_LOCAL_URL
    """OpenAI-compatible base URL of the local server (Ollama, LM Studio, LocalAI, vLLM)."""
    local_llm_model: str | None = None
    """Local model to use; otherwise the one that is loaded, or the first in the list."""
    local_llm_api_key: SecretStr | None = None
    """Key for the local server, if it wants one."""
    local_context_tokens: int | None = Field(default=None, gt=0)
    """Context of the local model where the server does not tell it; the largest that Ollama is asked for, which is
    otherwise what memory allows."""
    local_keep_alive: str | None = None
    """How long Ollama keeps a model after an answer: ``30m``, seconds, or -1 for ever; otherwise as Ollama is set."""
    ollama_host: str | None = None
    """Ollama's own variable; used for the LOCAL tier when LOCAL_LLM_URL is not set."""
    builtin_model: Literal["auto", "on", "off"] = "auto"
    """The small model inside llmgw: ``auto`` serves the LOCAL tier while no local server answers."""
    builtin_context_tokens: int = Field(default=24576, ge=2048, le=131072)
    """Context of the built-in model."""

    cheap_provider: Literal["local", "groq", "openai"] | None = None
    """Provider of the CHEAP tier; otherwise groq or openai where there is a key, else local."""
    cheap_model: str | None = None
    """Model of the CHEAP tier; otherwise the provider's default."""
    premium_model: str = "claude-sonnet-5-5"
    """Anthropic model of the PREMIUM tier."""
    anthropic_api_key: SecretStr | None = None
    anthropic_setup_token: SecretStr | None = None
    """OAuth token of ``claude setup-token``, used when there is no API key."""
    anthropic_base_url: str = "https://api.anthropic.com"
    groq_api_key: SecretStr | None = None
    groq_base_url: str = "https://api.groq.com/openai/v1"
    openai_api_key: SecretStr | None = None
    openai_base_url: str = "https://api.openai.com/v1"
    router_provider: Literal["builtin", "local", "groq"] = "builtin"
    """Who judges a prompt's difficulty when the rules do not decide."""
    default_tier: Literal["local", "cheap", "premium"] = "cheap"
    """Where a request goes whose difficulty is unclear."""

    daily_budget_soft: float = Field(default=5.0, ge=0)
    """US dollars a day after which the control centre warns. 0 is off."""
    daily_budget_medium: float = Field(default=15.0, ge=0)
    """US dollars a day after which premium requests go to a cheaper tier. 0 is off."""
    daily_budget_hard: float = Field(default=50.0, ge=0)
    """US dollars a day that are never passed: paid tiers stop, free ones go on. 0 is off."""
    rate_limit_rpm: int = Field(default=60, ge=0)
    """Requests a minute for each caller. 0 is off."""
    rate_limit_tpm: int = Field(default=1_000_000, ge=0)
    """Tokens a minute for each caller. 0 is off."""
    max_output_tokens: int = Field(default=8192, gt=0)
    """Output limit of a paid request that sets none; it bounds what is reserved."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """Prices by ``provider/model``; they win over genai-prices."""
    unknown_price: Price = Price(input=30.0, output=150.0)
    """What a paid model of unknown price is reserved and charged at."""

    exact_cache: Literal["on", "off"] = "on"
    exact_cache_ttl_s: int = Field(default=86_400, gt=0)
    """How long an exact answer may be served again, in seconds."""
    semantic_cache: Literal["on", "off"] = "on"
    semantic_max_error: float = Field(default=0.01, gt=0, le=0.2)
    """Share of wrong semantic answers you accept. The guards stay below 0.002; for less the semantic cache is off."""
    policy: Literal["on", "off"] = "on"
    policy_patterns: tuple[PolicyPattern, ...] = ()
    """Patterns of your own that the policy gate refuses."""
    keep_bodies_days: int = Field(default=7, ge=0)
    """How long messages and answers are kept for the detail view. 0 keeps none."""

    upstream_first_byte_s: float = Field(default=120.0, gt=0)
    """How long an upstream may take to its first byte."""
    upstream_idle_s: float = Field(default=90.0, gt=0)
    """How long an upstream may pause between two bytes."""
    local_first_byte_s: float = Field(default=900.0, gt=0)
    """The same for the local server, which may have to load a model first."""
    max_body_bytes: int = Field(default=33_554_432, gt=0)
    """Largest request accepted."""

    @field_validator("exact_cache", "semantic_cache", "policy", "builtin_model", mode="before")
    @classmethod
    def _on_or_off(cls, value: object) -> object:
        """YAML reads a bare ``on`` as true."""
        return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value

    @field_validator("local_keep_alive", mode="before")
    @classmethod
    def _is_a_duration(cls, value: object) -> object:
        """Ollama answers 400 to a duration that it cannot read."""
        text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else value
        if text is not None and not (isinstance(text, str) and _DURATION.fullmatch(text)):
            raise ValueError("must be a duration such as 30m, a number of seconds, or -1 for ever")
        return text

    @field_validator("local_llm_url", "anthropic_base_url", "groq_base_url", "openai_base_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        for source in (env_settings, dotenv_settings):
            assert isinstance(source, EnvSettingsSource)
            source.env_vars = {
                name: value for name, value in source.env_vars.items() if name.lower() not in _NAMES_OF_THE_FILE
            }
        file = settings_cls.model_config.get("yaml_file")
        yaml = (YamlConfigSettingsSource(settings_cls, yaml_file=file),) if file else ()
        return (init_settings, env_settings, dotenv_settings, *yaml)


def load_settings(config_file: Path | None = None, **flags: Any) -> Settings:
    """The settings in force.

    ``config_file`` is ``--config``; without it ``LLMGW_CONFIG``, then the default place, which may be missing.
    ``flags`` win over everything; those that are None count as not given. Raises :class:`SettingsError`.
    """
    named = config_file or (Path(value) if (value := os.environ.get("LLMGW_CONFIG")) else None)
    file = named or default_config_file()
    if named and not named.is_file():
        raise SettingsError(f"There is no configuration file {named}.")
    given = {name: value for name, value in flags.items() if value is not None}
    here = file if file.is_file() else None
    if here:
        _check_names(here)
    configured = type("Settings", (Settings,), {"model_config": {**Settings.model_config, "yaml_file": here}})
    try:
        loaded: Settings = configured(_env_file=(file.parent / ".env", ".env"), **given)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    return loaded


def _check_names(file: Path) -> None:
    import yaml

    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{file} cannot be read as YAML: {error}") from None
    if content is None:
        return
    if not isinstance(content, dict):
        raise SettingsError(f"{file} must hold settings as 'name: value' lines.")
    unknown = [str(name) for name in content if name not in Settings.model_fields]
    if unknown:
        raise SettingsError(f"{file} sets {', '.join(unknown)}, which llmgw does not know.")


def _explain(error: ValidationError) -> str:
    """One line a setting. The values are left out: one of them may be a key."""
    return "\n".join(
        f"{'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}" for problem in error.errors()
    )
