"""The schema, as steps that only go forward. ``PRAGMA user_version`` counts the steps taken."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from gateway_core.store.errors import NewerStore, StoreError

_FIRST = (
    """
    CREATE TABLE reservations (
        id TEXT PRIMARY KEY,
        request_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        day TEXT NOT NULL,
        tier TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        reserved_microusd INTEGER NOT NULL CHECK (reserved_microusd >= 0),
        state TEXT NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'settled', 'released', 'orphaned')),
        cost_microusd INTEGER NOT NULL DEFAULT 0 CHECK (cost_microusd >= 0),
        usage TEXT,
        created_at REAL NOT NULL,
        closed_at REAL
    ) STRICT
    """,
    "CREATE INDEX reservations_by_day ON reservations (day)",
    "CREATE INDEX reservations_by_request ON reservations (request_id)",
    "CREATE INDEX reservations_open ON reservations (state) WHERE state = 'reserved'",
    """
    CREATE TABLE requests (
        id TEXT PRIMARY KEY,
        at REAL NOT NULL,
        status TEXT NOT NULL,
        client TEXT NOT NULL,
        lane TEXT NOT NULL,
        purpose TEXT NOT NULL,
        session TEXT,
        asked_model TEXT NOT NULL,
        preview TEXT NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        tools INTEGER NOT NULL,
        stream INTEGER NOT NULL,
        tier TEXT,
        provider TEXT,
        model TEXT,
        cache TEXT NOT NULL,
        route TEXT NOT NULL,
        cost_microusd INTEGER NOT NULL,
        saved_microusd INTEGER NOT NULL,
        latency_ms REAL NOT NULL,
        first_token_ms REAL,
        finish_reason TEXT,
        error_code TEXT,
        cache_read_tokens INTEGER NOT NULL DEFAULT 0,
        cache_write_tokens INTEGER NOT NULL DEFAULT 0,
        search TEXT NOT NULL,
        detail TEXT
    ) STRICT
    """,
    "CREATE INDEX requests_by_time ON requests (at)",
    "CREATE INDEX requests_running ON requests (status) WHERE status = 'running'",
    """
    CREATE TABLE bodies (
        request_id TEXT PRIMARY KEY REFERENCES requests (id) ON DELETE CASCADE,
        at REAL NOT NULL,
        size_bytes INTEGER NOT NULL,
        messages BLOB,
        answer BLOB
    ) STRICT
    """,
    "CREATE INDEX bodies_by_time ON bodies (at, size_bytes)",
    """
    CREATE TABLE answers (
        key TEXT PRIMARY KEY,
        tier TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        created_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        used_at REAL NOT NULL,
        hits INTEGER NOT NULL DEFAULT 0,
        cost_microusd INTEGER NOT NULL,
        usage TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        completion BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX answers_by_expiry ON answers (expires_at)",
    "CREATE INDEX answers_by_use ON answers (used_at, size_bytes)",
    """
    CREATE TABLE idempotency (
        caller TEXT NOT NULL,
        key_hash TEXT NOT NULL,
        body_hash TEXT NOT NULL,
        tier TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        created_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        cost_microusd INTEGER NOT NULL,
        usage TEXT NOT NULL,
        completion BLOB NOT NULL,
        PRIMARY KEY (caller, key_hash)
    ) STRICT
    """,
    "CREATE INDEX idempotency_by_expiry ON idempotency (expires_at)",
    "CREATE TABLE operator (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
)

_REPAIRED = ("ALTER TABLE requests ADD COLUMN repaired INTEGER NOT NULL DEFAULT 0",)
_COUNTERFACTUALS = tuple(
    f"ALTER TABLE requests ADD COLUMN {name} INTEGER"
    for name in ("premium_microusd", "no_prompt_cache_microusd", "no_answer_cache_microusd")
)
"""NULL in older rows: what they would have cost otherwise was never known."""

_RESPONSES = (
    """
    CREATE TABLE responses (
        caller TEXT NOT NULL,
        id TEXT NOT NULL,
        previous_id TEXT,
        provider TEXT NOT NULL,
        created_at REAL NOT NULL,
        size_bytes INTEGER NOT NULL,
        input BLOB NOT NULL,
        response BLOB NOT NULL,
        PRIMARY KEY (caller, id)
    ) STRICT
    """,
    "CREATE INDEX responses_by_time ON responses (created_at, size_bytes)",
    """
    CREATE TABLE response_items (
        caller TEXT NOT NULL,
        item_id TEXT NOT NULL,
        response_id TEXT NOT NULL,
        PRIMARY KEY (caller, item_id),
        FOREIGN KEY (caller, response_id) REFERENCES responses (caller, id) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX response_items_by_response ON response_items (caller, response_id)",
)

_LATENCIES = tuple(
    f"ALTER TABLE {table} ADD COLUMN latency_ms REAL NOT NULL DEFAULT 0" for table in ("answers", "idempotency")
)

_REUSE_REVIEW = (
    """
    CREATE TABLE semantic_pairs (
        id TEXT PRIMARY KEY,
        scope_key TEXT NOT NULL,
        asked TEXT NOT NULL,
        stored TEXT NOT NULL,
        entry_id TEXT NOT NULL,
        cosine REAL NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('grey', 'shadow', 'user')),
        allowed_by TEXT NOT NULL DEFAULT '',
        samples INTEGER NOT NULL DEFAULT 0,
        verdict TEXT NOT NULL DEFAULT 'waiting' CHECK (verdict IN ('waiting', 'same', 'different', 'unclear')),
        judged_by TEXT NOT NULL DEFAULT '',
        created_at REAL NOT NULL,
        judged_at REAL,
        attempts INTEGER NOT NULL DEFAULT 0,
        error TEXT NOT NULL DEFAULT ''
    ) STRICT
    """,
    "CREATE INDEX semantic_pairs_by_verdict ON semantic_pairs (verdict, created_at)",
    "CREATE TABLE semantic_scopes (scope_key TEXT PRIMARY KEY, wrong INTEGER NOT NULL, last_at REAL NOT NULL) STRICT",
    """
    CREATE TABLE semantic_counts (
        day TEXT NOT NULL,
        name TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (day, name)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE semantic_state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
)

_CACHES_TO_SEE = (
    "ALTER TABLE answers ADD COLUMN question TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE requests ADD COLUMN saved_ms REAL NOT NULL DEFAULT 0",
    "CREATE INDEX requests_hits ON requests (at) WHERE cache IN ('exact', 'semantic')",
)

_LOCAL_MODELS = (
    """
    CREATE TABLE local_models (
        server TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (server, name)
    ) STRICT, WITHOUT ROWID
    """,
)
_WIRE = (
    "ALTER TABLE bodies ADD COLUMN parts BLOB",
    "ALTER TABLE requests ADD COLUMN replay_of TEXT NOT NULL DEFAULT ''",
)
_SEARCH = (
    """
    CREATE TABLE request_words (
        number INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL UNIQUE REFERENCES requests (id) ON DELETE CASCADE,
        words TEXT NOT NULL,
        said TEXT NOT NULL
    ) STRICT
    """,
    "CREATE TABLE request_index (name TEXT PRIMARY KEY, value REAL NOT NULL) STRICT",
    "ALTER TABLE requests ADD COLUMN tokens INTEGER AS (input_tokens + output_tokens) VIRTUAL",
    "ALTER TABLE requests ADD COLUMN first_token_order REAL AS (coalesce(first_token_ms, -1.0)) VIRTUAL",
    *(
        f"CREATE INDEX requests_by_{name} ON requests ({column}, at)"
        for name, column in (
            ("cost", "cost_microusd"),
            ("saved", "saved_microusd"),
            ("tokens", "tokens"),
            ("latency", "latency_ms"),
            ("first_token", "first_token_order"),
        )
    ),
    "CREATE INDEX requests_to_filter ON requests (at, id, status, client, lane, purpose, session, asked_model, tier,"
    " provider, model, cache, route, error_code, cost_microusd, saved_microusd, input_tokens, output_tokens, tokens,"
    " latency_ms, first_token_ms, first_token_order)",
)
"""The orders that the log is paged in, all that filters look at side by side (a row has 2 to 4 kB, of this 300 bytes),
and the words of ``store/request_index.py``."""

_SPEND = (
    """
    CREATE INDEX requests_for_spend ON requests (at, status, id, tier, provider, model, lane, session, client, purpose,
     cache, input_tokens, output_tokens, cost_microusd, saved_microusd, saved_ms, premium_microusd,
     no_prompt_cache_microusd, no_answer_cache_microusd)
    """,
    """
    CREATE INDEX reservations_for_spend ON reservations (day, state, request_id, tier, provider, model, cost_microusd,
     created_at)
    """,
    "DROP INDEX reservations_by_day",
)
"""A report reads these alone: the rows themselves are ten times as large."""

_OVERVIEW = (
    "ALTER TABLE requests ADD COLUMN paid_day TEXT",
    """
    UPDATE requests SET paid_day = nullif((SELECT min(day) FROM reservations WHERE request_id = requests.id
     AND state IN ('settled', 'orphaned')), date(cast(at AS INTEGER), 'unixepoch'))
     WHERE id IN (SELECT request_id FROM reservations WHERE state IN ('settled', 'orphaned')
     AND created_at - strftime('%s', day) NOT BETWEEN 7200 AND 86400)
    """,
    """
    CREATE INDEX requests_overview ON requests (at, id, paid_day, status, tier, provider, model, cache, cost_microusd,
     saved_microusd, input_tokens, output_tokens, premium_microusd, no_prompt_cache_microusd, no_answer_cache_microusd,
     saved_ms, lane, session, client, purpose, asked_model, route, error_code, latency_ms, first_token_ms, tokens,
     first_token_order, cache_read_tokens, cache_write_tokens)
    """,
    *(f"DROP INDEX requests_{name}" for name in ("to_filter", "for_spend", "by_time", "hits")),
    """
    CREATE INDEX requests_hits ON requests (at, id, cache, status, cost_microusd, no_answer_cache_microusd, saved_ms)
     WHERE cache IN ('exact', 'semantic')
    """,
)
"""``paid_day`` is the UTC day that paid for a request where that is not the one it came on (it came within two hours of
midnight, or the clock was set); one index for all that filters and sums look at, where there were three."""
_COUNTED = (
    *(
        f"ALTER TABLE requests ADD COLUMN {name} TEXT NOT NULL DEFAULT 'measured'"
        for name in ("input_counted", "output_counted")
    ),
    """
    UPDATE requests SET (input_counted, output_counted) =
     (SELECT how, how FROM (SELECT CASE status WHEN 'ok' THEN 'estimated' ELSE 'ceiling' END AS how))
    WHERE instr(detail, '"estimated":true') AND json_valid(detail) AND json_extract(detail, '$.usage.estimated')
    """,
)
"""Older rows know that something was not counted, but not what: of a cut answer both are what it was charged at."""
_DIFFICULTY = (
    "ALTER TABLE requests ADD COLUMN difficulty REAL",
    """
    UPDATE requests SET difficulty = CASE WHEN json_valid(detail)
     THEN CAST(json_extract(detail, '$.decision.difficulty') AS REAL) END
     WHERE id IN (SELECT id FROM requests ORDER BY at DESC LIMIT 50000)
    """,
    "DROP INDEX requests_overview",
    """
    CREATE INDEX requests_overview ON requests (at, id, paid_day, status, tier, provider, model, cache, cost_microusd,
     saved_microusd, input_tokens, output_tokens, premium_microusd, no_prompt_cache_microusd, no_answer_cache_microusd,
     saved_ms, lane, session, client, purpose, asked_model, route, error_code, latency_ms, first_token_ms, tokens,
     first_token_order, cache_read_tokens, cache_write_tokens, difficulty, tools, input_counted, output_counted)
    """,
)
"""Of older rows the newest alone get their difficulty out of the decision: each is written anew for it, 2 to 4 kB. A
replay under another policy reads the index alone, which a generated column would not let it do."""

_LABELS = (
    """
    CREATE TABLE labels (
        number INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL,
        at REAL NOT NULL,
        source TEXT NOT NULL,
        text TEXT NOT NULL,
        wanted REAL NOT NULL CHECK (wanted BETWEEN 0 AND 1),
        weight REAL NOT NULL CHECK (weight >= 0),
        held_out INTEGER NOT NULL,
        tier TEXT NOT NULL,
        difficulty REAL,
        verdict TEXT NOT NULL,
        vector BLOB,
        encoder TEXT NOT NULL,
        superseded INTEGER NOT NULL DEFAULT 0,
        UNIQUE (request_id, source)
    ) STRICT
    """,
    "CREATE INDEX labels_by_time ON labels (at)",
    """
    CREATE TABLE router_heads (
        number INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        labels INTEGER NOT NULL,
        head TEXT NOT NULL,
        trial TEXT NOT NULL,
        taken INTEGER NOT NULL,
        verdict TEXT NOT NULL,
        before INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE router_samples (
        request_id TEXT PRIMARY KEY,
        at REAL NOT NULL,
        preview TEXT NOT NULL,
        tier TEXT NOT NULL
    ) STRICT
    """,
    "CREATE TABLE router_learning (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "ALTER TABLE requests ADD COLUMN thumb TEXT NOT NULL DEFAULT ''",
)
"""A label outlives the body of its request: it is kept until ``forget_labels``, and holds the user's words."""

_MODEL_REPORTS = (
    """
    CREATE TABLE model_reports (
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (provider, model)
    ) STRICT, WITHOUT ROWID
    """,
)
"""How each model counts prompts, and how long its answers are; ``store/model_reports.py``."""

_LANES = ("ALTER TABLE reservations ADD COLUMN lane TEXT NOT NULL DEFAULT 'interactive'",)
"""Whose limit a call counts against. Older rows count as if a person had waited for each."""

_PIECES = (
    """
    CREATE TABLE pieces (
        number INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        used_at REAL NOT NULL,
        looked_by INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        content BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX pieces_by_use ON pieces (used_at, size_bytes)",
    "CREATE TABLE begun (id TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
)
"""Large parts of bodies, each once; ``store/pieces.py``. Older bodies are read as they are until their time is over.
And the requests that money was set aside for before they were logged: a row in the log is a change of ten pages."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    *(_FIRST, _REPAIRED, _COUNTERFACTUALS, _RESPONSES, _LATENCIES),
    *(_REUSE_REVIEW, _CACHES_TO_SEE),
    *(_LOCAL_MODELS, _WIRE, _SEARCH, _SPEND, _OVERVIEW, _COUNTED),
    *(_LABELS, _MODEL_REPORTS, _DIFFICULTY, _LANES, _PIECES),
)
"""Each step's statements. A step that has been released is never changed; a change is a new step."""


def check_version(connection: sqlite3.Connection, path: Path, *, exactly: bool = False) -> None:
    """Raises :class:`NewerStore` when the file knows more steps than we do. Changes nothing.

    ``exactly`` refuses older files too: for a reader, who may not take the steps that are missing.
    """
    version = _version(connection)
    if exactly and version < len(MIGRATIONS):
        raise StoreError(f"{path} was written by an older llmgw. Start llmgw once: it brings the file up to date.")
    if version > len(MIGRATIONS):
        raise NewerStore(path, version, len(MIGRATIONS))


def migrate(connection: sqlite3.Connection) -> None:
    """Takes the steps the file lacks, each whole or not at all."""
    for number, statements in enumerate(MIGRATIONS[_version(connection) :], start=_version(connection) + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
