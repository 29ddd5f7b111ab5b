"""Typed settings: their names, defaults, and what they may be. Where they come from is `settings_files`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from gateway_core.settings_sources import DEFAULT_HOST, DEFAULT_PORT, default_data_dir
from gateway_core.settings_sources import SettingsError as SettingsError
from gateway_core.settings_sources import default_config_file as default_config_file

DEFAULT_LOCAL_URL = "http://127.0.0.1:11434/v1"
_DURATION = re.compile(r"-?\d+|-?(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")


class Price(BaseModel):
    """What a model costs, in US dollars for a million tokens. Given for models that genai-prices does not know.

    What is left out is taken from the dear side: cache reads as input, audio and searches as the dearest known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    cache_read: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cache_write_5m: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cache_write_1h: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    audio_input: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    audio_output: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    web_searches: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """US dollars for a thousand searches that the provider makes itself."""


BUILTIN_PROVIDERS = ("anthropic", "groq", "openai")
"""Providers with settings of their own."""
_TAKEN_NAMES = ("local", "ollama", "builtin", "cache", "gateway", "llmgw")
_MESSAGES_WRITE_5M, _MESSAGES_WRITE_1H = 1.25, 2.0
"""What Anthropic charges for a prompt-cache write, times the input price (platform.claude.com, pricing, 2026-11)."""


def http_url(value: str) -> str:
    """A base URL without its last slash. Raises ``ValueError``."""
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")


class ProviderModel(BaseModel):
    """A model of a provider of the user's own. What is not told is looked up in genai-prices, or left open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    tier: Literal["local", "cheap", "premium"] | None = None
    """The tier it serves; the provider's when not set."""
    price: Price | None = None
    context_tokens: int | None = Field(default=None, gt=0)
    """Tokens that prompt and answer may have together."""
    max_output_tokens: int | None = Field(default=None, gt=0)
    """The longest answer it is asked for."""
    tools: bool | None = None
    vision: bool | None = None
    structured: bool | None = None
    """Whether it can be held to JSON or a schema (``response_format``)."""


class ProviderLimits(BaseModel):
    """What a provider is sent at most. 0 is off."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    requests_per_minute: int = Field(default=0, ge=0)
    tokens_per_minute: int = Field(default=0, ge=0)
    daily_budget: float = Field(default=0.0, ge=0)
    """US dollars a UTC day."""


class ProviderEntry(BaseModel):
    """A further provider: OpenAI's chat completions, or with ``api: messages`` Anthropic's Messages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")
    """How it is named in ``<provider>/<model>``."""
    base_url: Annotated[str, AfterValidator(http_url)]
    api: Literal["chat", "messages"] = "chat"
    api_key: SecretStr | None = None
    api_key_env: str | None = None
    """The variable that holds the key, in the environment or in ``.env``. Unset, the provider is not used."""
    tier: Literal["local", "cheap", "premium"] = "cheap"
    free: bool = False
    """Nobody pays for it: no budget, no price. A provider of the LOCAL tier must be free."""
    models: tuple[ProviderModel, ...]
    limits: ProviderLimits = ProviderLimits()
    order: int = 10
    """Place within its tier, the lowest first; the built-in providers are at 0."""
    override: bool = False
    """Takes the place of the built-in provider of that name."""
    strict: bool = False
    """The server answers 400 to fields that OpenAI does not know."""
    output_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The field that bounds the answer."""
    drop: tuple[str, ...] = ()
    """Fields of the request that are never sent."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    query: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: object) -> object:
        """``model: x`` and ``models: [x, y]`` for models of which nothing more is said, and ``price`` for one model."""
        if not isinstance(value, Mapping):
            return value
        entry = dict(value)
        models = entry.get("models", [entry.pop("model")] if "model" in entry else None)
        if isinstance(models, Mapping):
            models = [
                {**more, "name": name} if isinstance(more, Mapping) else {"name": name} if more is None else more
                for name, more in models.items()
            ]
        if isinstance(models, list | tuple):
            price = entry.pop("price", None)
            named = [{"name": model} if isinstance(model, str) else model for model in models]
            entry["models"] = [
                {"price": price, **model} if price is not None and isinstance(model, Mapping) else model
                for model in named
            ]
        return entry

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.name in _TAKEN_NAMES:
            raise ValueError(f"{self.name} means something else here: choose another name")
        if self.name in BUILTIN_PROVIDERS and not self.override:
            raise ValueError(
                f"{self.name} is built in: set {self.name.upper()}_API_KEY and {self.name.upper()}_BASE_URL, or add "
                "'override: true' to this entry to replace it"
            )
        if self.override and self.name not in BUILTIN_PROVIDERS:
            raise ValueError(f"'override: true' is for {', '.join(BUILTIN_PROVIDERS)}")
        if self.api_key and self.api_key_env:
            raise ValueError("give api_key or api_key_env, not both")
        if any(self.tier_of(model) == "local" for model in self.models) and not self.free:
            raise ValueError("the local tier is never blocked by money: add 'free: true', or take the cheap tier")
        if not self.models:
            raise ValueError("give it a model")
        names = [model.name for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError("a model is listed twice")
        chat_only = (self.strict, self.drop, self.headers, self.query, self.output_limit != "max_tokens")
        if self.api == "messages" and (any(chat_only) or any(model.max_output_tokens for model in self.models)):
            raise ValueError(
                "strict, drop, headers, query, output_limit and max_output_tokens are for 'api: chat' only"
            )
        return self

    def tier_of(self, model: ProviderModel) -> str:
        """The tier that ``model`` serves."""
        return model.tier or self.tier

    @property
    def lacks_key(self) -> str | None:
        """The variable that should hold the key and does not; None where nothing is missing."""
        return self.api_key_env if self.api_key_env and self.api_key is None else None

    def prices(self) -> dict[str, Price]:
        """Prices by ``provider/model``, with Anthropic's for cache writes where the provider speaks its protocol."""
        found = {f"{self.name}/{model.name}": model.price for model in self.models if model.price}
        if self.api == "chat":
            return found
        return {
            name: price.model_copy(
                update={
                    "cache_write_5m": price.input * _MESSAGES_WRITE_5M
                    if price.cache_write_5m is None
                    else price.cache_write_5m,
                    "cache_write_1h": price.input * _MESSAGES_WRITE_1H
                    if price.cache_write_1h is None
                    else price.cache_write_1h,
                }
            )
            for name, price in found.items()
        }


class PolicyPattern(BaseModel):
    """A pattern of the user's own for the policy gate: a regular expression, matched against the user's words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pattern: str


_CACHE_SCHEMES = ("s3", "s3+ddb", "gs", "az", "db", "file", "memory")
"""What LanceDB can open."""


class Settings(BaseModel):
    """Everything that can be set. The environment's names are the fields' in capitals; see `settings_sources`."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    host: str = DEFAULT_HOST
    """Address to listen on. Anything but loopback lets others on the network spend your money."""
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    data_dir: Path = Field(default_factory=default_data_dir)
    """Folder of the ledger, the caches and the key."""
    gateway_secret: SecretStr | None = None
    """The key clients must send. Made at first start when not set; `llmgw secret rotate` exchanges it."""
    monitor_token: SecretStr | None = None
    """A key that may only look: /metrics, /api/status, /api/metrics, /api/budget, /api/spend, /api/local/models. Made
    at first start when not set."""

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
    local_max_wait_s: float = Field(default=150.0, ge=0)
    """How long an answer of a local model may be expected to take before others are asked first, in seconds; background
    work may take 300, or this where it is more. 0 is for ever. OpenClaw gives a silent answer up after 300 s: a person
    gets half of that, since an expectation may be wrong by half."""
    local_registry: Literal["on", "off"] = "on"
    """Whether Ollama's registry and Hugging Face may be asked what a model's name stands for, for its size before a
    pull and for newer versions. Only names are sent, and only of models that come from there."""
    ollama_host: str | None = None
    """Ollama's own variable; used for the LOCAL tier when LOCAL_LLM_URL is not set."""
    builtin_model: Literal["auto", "on", "off"] = "auto"
    """The small model inside llmgw: ``auto`` serves the LOCAL tier while no local server answers."""
    builtin_context_tokens: int = Field(default=24576, ge=2048, le=131072)
    """Context of the built-in model."""

    cheap_provider: str | None = None
    """Provider the CHEAP tier begins with; otherwise those of groq and openai that have a key, else local."""
    cheap_model: str | None = None
    """Model of the CHEAP tier; otherwise the provider's default."""
    premium_model: str = "claude-sonnet-5-5"
    """Anthropic model of the PREMIUM tier."""
    anthropic_api_key: SecretStr | None = None
    """Anthropic's key: the PREMIUM tier, and any Claude by its name."""
    anthropic_setup_token: SecretStr | None = None
    """OAuth token of ``claude setup-token``, used when there is no API key."""
    anthropic_base_url: str = "https://api.anthropic.com"
    """Where Anthropic's Messages are; without ``/v1``."""
    groq_api_key: SecretStr | None = None
    """Groq's key, for the CHEAP tier."""
    groq_base_url: str = "https://api.groq.com/openai/v1"
    """Where Groq's API is."""
    openai_api_key: SecretStr | None = None
    """OpenAI's key, for the CHEAP tier, and any GPT by its name."""
    openai_base_url: str = "https://api.openai.com/v1"
    """Where OpenAI's API is."""
    providers: tuple[ProviderEntry, ...] = ()
    """Further providers, each with its tier, prices and limits."""
    router_provider: str = "builtin"
    """Who judges a prompt's difficulty when the rules do not decide: ``builtin``, ``local``, or a provider."""
    router_model: str | None = None
    """The model that judges; otherwise a small one of the provider, or the local one."""
    router_learning: Literal["on", "off"] = "on"
    """Whether the router learns from you: thumbs, chosen answers, and what you ask for again."""
    default_tier: Literal["local", "cheap", "premium"] = "cheap"
    """Where a request goes whose difficulty is unclear."""
    router_embedding: Literal["on", "off"] = "on"
    """Whether the router looks at a prompt's meaning too, with the built-in encoder (260 MB); off is its words only."""
    router_easy_below: float = Field(default=0.35, ge=0, le=1)
    """A prompt of less difficulty than this (0 to 1) goes to LOCAL."""
    router_hard_from: float = Field(default=0.65, ge=0, le=1.01)
    """A prompt of this difficulty or more goes to PREMIUM; 1.01 is never."""
    context_compaction: Literal["on", "off"] = "off"
    """Whether a conversation that is too long for a model is sent to it without old tool results, images and turns.

    System messages, tools and the last turn always go whole. The client keeps everything: the next turn, on a larger
    model, is sent whole again. Every gap is marked, and the request's detail says what was left out.
    """
    context_compaction_tiers: str = "local"
    """The tiers whose models get such a conversation: ``local``, ``cheap``, or ``local,cheap``."""

    daily_budget_soft: float = Field(default=5.0, ge=0)
    """US dollars a day after which the control centre warns. 0 is off."""
    daily_budget_medium: float = Field(default=15.0, ge=0)
    """US dollars a day after which premium requests go to a cheaper tier. 0 is off."""
    daily_budget_hard: float = Field(default=50.0, ge=0)
    """US dollars a day that are never passed: paid tiers stop, free ones go on. 0 is off."""
    background_budget_daily: float = Field(default=0.5, ge=0)
    """US dollars a day, inside the hard limit, for what nobody waits for: heartbeats, cron jobs, recaps, titles. Past
    it they go to free tiers only. 0 is off.

    A heartbeat every half hour reads about 0.8 million tokens a day: that fits on a cheap model, and not on Claude.
    """
    rate_limit_rpm: int = Field(default=60, ge=0)
    """Requests a minute for each caller. 0 is off."""
    rate_limit_tpm: int = Field(default=1_000_000, ge=0)
    """Tokens a minute for each caller. 0 is off."""
    max_output_tokens: int = Field(default=8192, gt=0)
    """Output limit of a paid request that sets none; it bounds what is reserved."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """Prices by ``provider/model``; they win over genai-prices. ``provider/*`` prices all other models there."""
    unknown_price: Price = Price(input=30.0, output=150.0)
    """What a paid model of unknown price is reserved and charged at."""
    server_tool_uses: int = Field(default=5, ge=1, le=100)
    """Uses reserved for a tool that the provider runs itself, such as web search, where the request sets no limit."""

    exact_cache: Literal["on", "off"] = "on"
    """Whether a request that was answered before, to the letter, gets that answer again."""
    exact_cache_ttl_s: int = Field(default=86_400, gt=0)
    """How long an exact answer may be served again, in seconds."""
    cache_replay: Literal["at_once", "natural"] = "at_once"
    """How a stream comes out of a cache: ``at_once``, or ``natural``, word by word as a model would write it."""
    semantic_cache: Literal["on", "off"] = "on"
    """Whether a question that means the same as one answered before gets that answer, past the guards."""
    semantic_max_error: float = Field(default=0.01, gt=0, le=0.2)
    """Share of the questions looked up in the semantic cache that may get a wrong answer from it.

    The guards were measured to stay below 0.002; for less the cache is off. What is measured later stops it too.
    """
    semantic_encoder: str = "builtin"
    """What the semantic cache compares questions with: ``builtin`` (all-MiniLM-L6-v2, weak in German), the folder of
    another sentence-transformers model, or ``ollama/NAME``. A folder's prompt ``query`` is put before every question.
    Answers kept with one encoder are not found with another. A question must be within a cosine of .80 of one that
    was answered: that was measured with the built-in encoder, and with another says little about how often it helps;
    the guards, which decide, do not depend on it. The built-in embeddings stay all-MiniLM-L6-v2's."""
    semantic_cache_uri: SecretStr | None = None
    """Where the semantic cache is kept; otherwise in a folder of ``data_dir``. A folder or an URI of LanceDB's
    (``s3://``, ``gs://``, ``az://``, ``db://``) that a team can share. Keys to it belong in the environment."""
    semantic_cache_team: str | None = None
    """Name of a team that shares semantic answers: whoever has the URI and this name gets yours, and you theirs."""
    semantic_max_entries: int = Field(default=100_000, gt=0)
    """Answers that the semantic cache keeps; those that save the least go first."""
    semantic_max_bytes: int = Field(default=1_073_741_824, gt=0)
    """Size that the semantic cache may have, in bytes."""
    policy: Literal["on", "off"] = "on"
    """Whether requests are held against the policy before anything else."""
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
    upstream_total_s: float = Field(default=1800.0, gt=0)
    """How long one call of an upstream may take in all, a local one too."""
    client_write_s: float = Field(default=120.0, gt=0)
    """How long a client may stop reading its answer, whole or streamed, before the gateway hangs up, and stops the
    upstream. One that reads slowly but steadily is waited for."""
    max_body_bytes: int = Field(default=33_554_432, gt=0)
    """Largest request accepted."""

    @field_validator("exact_cache", "semantic_cache", "policy", "builtin_model", "context_compaction", mode="before")
    @classmethod
    def _on_or_off(cls, value: object) -> object:
        """YAML reads a bare ``on`` as true."""
        return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value

    @field_validator("context_compaction_tiers", mode="before")
    @classmethod
    def _are_tiers(cls, value: object) -> object:
        names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not names or set(names) - {"local", "cheap"}:
            raise ValueError("must be local, cheap, or local,cheap: what PREMIUM answers is never shortened")
        return ",".join(dict.fromkeys(names))

    @field_validator("prices")
    @classmethod
    def _names_a_provider(cls, value: dict[str, Price]) -> dict[str, Price]:
        for name in value:
            provider, slash, model = name.partition("/")
            if not (provider and slash and model) or "*" in name[:-1]:
                raise ValueError(f"{name!r} must be provider/model, or provider/* for every model of a provider")
        return value

    @field_validator("local_keep_alive", mode="before")
    @classmethod
    def _is_a_duration(cls, value: object) -> object:
        """Ollama answers 400 to a duration that it cannot read."""
        text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else value
        if text is not None and not (isinstance(text, str) and _DURATION.fullmatch(text)):
            raise ValueError("must be a duration such as 30m, a number of seconds, or -1 for ever")
        return text

    @field_validator("semantic_encoder")
    @classmethod
    def _is_an_encoder(cls, value: str) -> str:
        name = value.strip()
        is_path = name.startswith("~") or Path(name).is_absolute()
        if name == "builtin" or is_path or name.removeprefix("ollama/") not in ("", name):
            return name
        raise ValueError("must be builtin, the whole path of a sentence-transformers model's folder, or ollama/NAME")

    @field_validator("local_llm_url", "anthropic_base_url", "groq_base_url", "openai_base_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        return http_url(value)

    @field_validator("semantic_cache_uri")
    @classmethod
    def _is_a_place(cls, value: SecretStr | None) -> SecretStr | None:
        scheme, found, _ = (value.get_secret_value() if value else "").partition("://")
        if found and scheme.lower() not in _CACHE_SCHEMES:
            raise ValueError(f"must be a folder, or a URI that begins with {', '.join(_CACHE_SCHEMES)} and ://")
        return value

    @field_validator("providers", mode="before")
    @classmethod
    def _by_name(cls, value: object) -> object:
        """Providers as a map by name, or as a list of entries with a name."""
        if isinstance(value, Mapping):
            return [{**entry, "name": name} if isinstance(entry, Mapping) else entry for name, entry in value.items()]
        return value or ()

    @model_validator(mode="after")
    def _providers_exist(self) -> Self:
        own = [entry.name for entry in self.providers]
        if twice := sorted({name for name in own if own.count(name) > 1}):
            raise ValueError(f"PROVIDERS: there are two providers called {twice[0]}")
        for setting, value, known in (
            ("CHEAP_PROVIDER", self.cheap_provider, ("local", "groq", "openai", *own)),
            ("ROUTER_PROVIDER", self.router_provider, ("builtin", "local", *BUILTIN_PROVIDERS, *own)),
        ):
            if value and value not in known:
                raise ValueError(f"{setting}: {value} is none of {', '.join(dict.fromkeys(known))}")
        return self

    @model_validator(mode="after")
    def _easy_is_below_hard(self) -> Self:
        if self.router_easy_below > self.router_hard_from:
            raise ValueError(
                f"ROUTER_EASY_BELOW: {self.router_easy_below:g} is above ROUTER_HARD_FROM, {self.router_hard_from:g}"
            )
        return self

    def provider_entry(self, name: str) -> ProviderEntry | None:
        """The user's own provider of that name."""
        return next((entry for entry in self.providers if entry.name == name), None)

    def compacts_for(self, tier: str) -> bool:
        """Whether a conversation may be shortened for the models of a tier."""
        return self.context_compaction == "on" and tier in self.context_compaction_tiers.split(",")

    @property
    def all_prices(self) -> dict[str, Price]:
        """The user's own prices by ``provider/model``: those of ``providers``, and ``prices`` which win over them."""
        return {name: price for entry in self.providers for name, price in entry.prices().items()} | self.prices
