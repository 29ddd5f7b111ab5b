"""The part of ``/metrics`` that is counted as requests end. Everything counts from the start of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway_core.events import RequestFinished
from gateway_core.http.prometheus_labels import Names
from gateway_core.http.prometheus_sums import Counts, Distribution, Labels
from gateway_core.model import Counted, RequestRow, Status, Usage

if TYPE_CHECKING:
    from prometheus_client.core import Metric

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600)
TOKENS_PER_SECOND = (1, 2, 5, 10, 20, 40, 80, 160, 320, 640)
_SECONDS_GENAI = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS_GENAI = tuple(4**power for power in range(14))
_FIRST_TOKEN_GENAI = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_LEAST_OUTPUT_TOKENS = 8
"""Fewer say nothing of a model's speed."""


class RequestMetrics:
    """Requests by where they went and what became of them, their tokens, money and times."""

    def __init__(self, models: Names, codes: Names) -> None:
        self._models = models
        self._codes = codes
        which = ("tier", "provider", "model")
        self._requests = Counts(
            "llmgw_requests",
            "Requests that ended, answered where status is ok. tier is cache for answers of a cache, none for nowhere.",
            (*which, "status", "lane", "cache"),
        )
        self._errors = Counts("llmgw_request_errors", "Requests refused or failed, by the code they got.", ("code",))
        self._tokens = Counts(
            "llmgw_tokens",
            "Tokens used. input and output are all of them; cache_read, cache_write and reasoning are parts of these.",
            (*which, "kind"),
        )
        self._cost = Counts("llmgw_cost_usd", "US dollars charged for requests.", which)
        self._saved = Counts("llmgw_saved_usd", "US dollars saved against premium.", ("tier",))
        self._above = Counts(
            "llmgw_above_premium_usd",
            "US dollars paid above premium's list price, as for prompt-cache writes; take them from what was saved.",
            ("tier",),
        )
        self._duration = Distribution("llmgw_request_duration_seconds", "Whole request.", ("tier",), SECONDS)
        self._first_token = Distribution("llmgw_time_to_first_token_seconds", "First token.", ("tier",), SECONDS)
        self._speed = Distribution(
            "llmgw_output_tokens_per_second",
            "Output tokens a second after the first one, of streams that a model wrote.",
            ("tier", "model"),
            TOKENS_PER_SECOND,
        )
        self._repaired = Counts("llmgw_repaired_requests", "Requests whose answer was put right or replaced.")
        self._fallbacks = Counts(
            "llmgw_fallbacks", "Requests answered by another model than the router's first choice."
        )
        self._genai = GenAiMetrics()

    def families(self) -> list[Metric]:
        """All of it so far, in any thread."""
        own = (self._requests, self._errors, self._tokens, self._cost, self._saved, self._above)
        times = (self._duration, self._first_token, self._speed, self._repaired, self._fallbacks)
        return [each.family() for each in (*own, *times, *self._genai.all)]

    def count(self, event: RequestFinished) -> None:
        row, cached = event.row, event.row.cache.is_hit
        tier = row.served_by or "none"
        provider, model = self._models.of(row.provider or "", row.model or "")
        which = (tier, provider, model)
        self._requests.of[*which, row.status, row.lane, row.cache] += 1
        if row.error_code:
            self._errors.of[self._codes.of(row.error_code)] += 1
        self._tokens.of[*which, "input"] += row.input_tokens
        self._tokens.of[*which, "output"] += row.output_tokens
        if not cached:
            self._count_parts(which, event.usage)
        self._cost.of[which] += row.cost_microusd / 1e6
        saved = self._saved if row.saved_microusd >= 0 else self._above
        saved.of[tier,] += abs(row.saved_microusd) / 1e6
        self._duration.observe((tier,), row.latency_ms / 1e3)
        if row.repaired:
            self._repaired.of[()] += 1
        if ">" in row.route:
            self._fallbacks.of[()] += 1
        if row.first_token_ms is not None:
            self._first_token.observe((tier,), row.first_token_ms / 1e3)
        if (speed := _tokens_per_second(row)) is not None:
            self._speed.observe((tier, model), speed)
        if row.tier and not cached:
            self._genai.count(row, provider, model)

    def _count_parts(self, which: Labels, usage: Usage) -> None:
        """The tokens of a kind of their own, where there are any."""
        written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
        kinds = (
            ("cache_read", usage.cache_read_tokens),
            ("cache_write", written),
            ("reasoning", usage.reasoning_tokens),
        )
        for kind, tokens in kinds:
            if tokens:
                self._tokens.of[*which, kind] += tokens


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

    def __init__(self) -> None:
        which = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
        self._duration = Distribution(
            "gen_ai_client_operation_duration_seconds",
            "GenAI operation duration.",
            (*which, "error_type"),
            _SECONDS_GENAI,
        )
        self._usage = Distribution(
            "gen_ai_client_token_usage",
            "Number of input and output tokens used.",
            (*which, "gen_ai_token_type"),
            _TOKENS_GENAI,
        )
        self._first_token = Distribution(
            "gen_ai_server_time_to_first_token_seconds",
            "Time to generate first token for successful responses.",
            which,
            _FIRST_TOKEN_GENAI,
        )
        self.all = (self._duration, self._usage, self._first_token)

    def count(self, row: RequestRow, provider: str, model: str) -> None:
        which = ("embeddings" if row.purpose == "embedding" else "chat", provider, model)
        well = row.status is Status.OK
        self._duration.observe((*which, "" if well else row.status), row.latency_ms / 1e3)
        for kind, tokens in (("input", row.input_tokens), ("output", row.output_tokens)):
            if well and tokens:
                self._usage.observe((*which, kind), tokens)
        if row.first_token_ms is not None:
            self._first_token.observe(which, row.first_token_ms / 1e3)
