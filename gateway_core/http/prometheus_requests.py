"""The part of ``/metrics`` that is counted as requests end. Everything counts from the start of the process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway_core.events import RequestFinished
from gateway_core.http.prometheus_labels import Names
from gateway_core.model import Counted, RequestRow, Status, Usage

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600)
TOKENS_PER_SECOND = (1, 2, 5, 10, 20, 40, 80, 160, 320, 640)
_SECONDS_GENAI = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS_GENAI = tuple(4**power for power in range(14))
_FIRST_TOKEN_GENAI = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_LEAST_OUTPUT_TOKENS = 8
"""Fewer say nothing of a model's speed."""


class RequestMetrics:
    """Requests by where they went and what became of them, their tokens, money and times."""

    def __init__(self, registry: CollectorRegistry, models: Names, codes: Names) -> None:
        self._models = models
        self._codes = codes
        which = ("tier", "provider", "model")
        self._requests = Counter(
            "llmgw_requests",
            "Requests that ended, answered where status is ok. tier is cache for answers of a cache, none for nowhere.",
            (*which, "status", "lane", "cache"),
            registry=registry,
        )
        self._errors = Counter(
            "llmgw_request_errors", "Requests refused or failed, by the code they got.", ("code",), registry=registry
        )
        self._tokens = Counter(
            "llmgw_tokens",
            "Tokens used. input and output are all of them; cache_read, cache_write and reasoning are parts of these.",
            (*which, "kind"),
            registry=registry,
        )
        self._cost = Counter("llmgw_cost_usd", "US dollars charged for requests.", which, registry=registry)
        self._saved = Counter("llmgw_saved_usd", "US dollars saved against premium.", ("tier",), registry=registry)
        self._above = Counter(
            "llmgw_above_premium_usd",
            "US dollars paid above premium's list price, as for prompt-cache writes; take them from what was saved.",
            ("tier",),
            registry=registry,
        )
        self._duration = Histogram(
            "llmgw_request_duration_seconds", "Whole request.", ("tier",), buckets=SECONDS, registry=registry
        )
        self._first_token = Histogram(
            "llmgw_time_to_first_token_seconds", "First token.", ("tier",), buckets=SECONDS, registry=registry
        )
        self._speed = Histogram(
            "llmgw_output_tokens_per_second",
            "Output tokens a second after the first one, of streams that a model wrote.",
            ("tier", "model"),
            buckets=TOKENS_PER_SECOND,
            registry=registry,
        )
        self._repaired = Counter(
            "llmgw_repaired_requests", "Requests whose answer was put right or replaced.", registry=registry
        )
        self._fallbacks = Counter(
            "llmgw_fallbacks", "Requests answered by another model than the router's first choice.", registry=registry
        )
        self._genai = GenAiMetrics(registry)

    def count(self, event: RequestFinished) -> None:
        row = event.row
        tier = row.served_by or "none"
        provider, model = self._models.of(row.provider or "", row.model or "")
        self._requests.labels(tier, provider, model, row.status.value, row.lane.value, row.cache.value).inc()
        if row.error_code:
            self._errors.labels(*self._codes.of(row.error_code)).inc()
        for kind, tokens in _tokens(row, event.usage).items():
            if tokens or kind in ("input", "output"):
                self._tokens.labels(tier, provider, model, kind).inc(tokens)
        self._cost.labels(tier, provider, model).inc(row.cost_microusd / 1e6)
        saved = self._saved if row.saved_microusd >= 0 else self._above
        saved.labels(tier).inc(abs(row.saved_microusd) / 1e6)
        self._duration.labels(tier).observe(row.latency_ms / 1e3)
        if row.repaired:
            self._repaired.inc()
        if ">" in row.route:
            self._fallbacks.inc()
        if row.first_token_ms is not None:
            self._first_token.labels(tier).observe(row.first_token_ms / 1e3)
        if (speed := _tokens_per_second(row)) is not None:
            self._speed.labels(tier, model).observe(speed)
        if row.tier and not row.cache.is_hit:
            self._genai.count(row, provider, model)


def _tokens(row: RequestRow, usage: Usage) -> dict[str, int]:
    if row.cache.is_hit:
        return {"input": row.input_tokens, "output": row.output_tokens}
    return {
        "input": row.input_tokens,
        "output": row.output_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        "reasoning": usage.reasoning_tokens,
    }


def _tokens_per_second(row: RequestRow) -> float | None:
    if row.cache.is_hit or not row.stream or row.status is not Status.OK or row.first_token_ms is None:
        return None
    if row.output_counted is not Counted.MEASURED:
        return None
    writing_s = (row.latency_ms - row.first_token_ms) / 1e3
    return row.output_tokens / writing_s if row.output_tokens >= _LEAST_OUTPUT_TOKENS and writing_s > 0 else None


class GenAiMetrics:
    """What models were asked, under OpenTelemetry's names, for boards that know these.

    Names, labels and buckets are those of its semantic conventions for generative AI (opentelemetry.io, gen-ai-metrics,
    version 1.36 and later, 2026-11; in development), put into Prometheus's form. Answers of a cache are not in them.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        which = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
        self._duration = Histogram(
            "gen_ai_client_operation_duration_seconds",
            "GenAI operation duration.",
            (*which, "error_type"),
            buckets=_SECONDS_GENAI,
            registry=registry,
        )
        self._usage = Histogram(
            "gen_ai_client_token_usage",
            "Number of input and output tokens used.",
            (*which, "gen_ai_token_type"),
            buckets=_TOKENS_GENAI,
            registry=registry,
        )
        self._first_token = Histogram(
            "gen_ai_server_time_to_first_token_seconds",
            "Time to generate first token for successful responses.",
            which,
            buckets=_FIRST_TOKEN_GENAI,
            registry=registry,
        )

    def count(self, row: RequestRow, provider: str, model: str) -> None:
        which = ("embeddings" if row.purpose == "embedding" else "chat", provider, model)
        failed = "" if row.status is Status.OK else row.status.value
        self._duration.labels(*which, failed).observe(row.latency_ms / 1e3)
        for kind, tokens in (("input", row.input_tokens), ("output", row.output_tokens)):
            if row.status is Status.OK and tokens:
                self._usage.labels(*which, kind).observe(tokens)
        if row.first_token_ms is not None:
            self._first_token.labels(*which).observe(row.first_token_ms / 1e3)
