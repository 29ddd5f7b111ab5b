"""A filter of requests as SQL over the log: the same meaning as ``Filter.matches``; values are parameters only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway_core.frozen import frozen
from gateway_core.request_terms import Compared, Filter, Named, Term, When, Words, lower
from gateway_core.search_words import pattern_of

_SERVED_BY = "CASE WHEN requests.cache IN ('exact', 'semantic') THEN 'cache' ELSE coalesce(requests.tier, '') END"
_FIELDS: Mapping[str, str] = {
    "tier": _SERVED_BY,
    "model": "coalesce(nullif(requests.model, ''), requests.asked_model)",
    "provider": "coalesce(requests.provider, '')",
    "client": "requests.client",
    "lane": "requests.lane",
    "purpose": "requests.purpose",
    "session": "coalesce(requests.session, '')",
    "status": "requests.status",
    "cache": "requests.cache",
    "route": "requests.route",
    "error": "coalesce(requests.error_code, '')",
    "id": "requests.id",
}
_QUANTITIES: Mapping[str, str] = {
    "cost": "requests.cost_microusd",
    "saved": "requests.saved_microusd",
    "tokens": "requests.tokens",
    "in": "requests.input_tokens",
    "out": "requests.output_tokens",
    "took": "requests.latency_ms",
    "ttft": "requests.first_token_ms",
}


@frozen
class Where:
    """A condition, and the values of its question marks."""

    sql: str = "1"
    values: tuple[object, ...] = ()


@frozen
class Selection:
    """What a filter asks of the log: ``rest`` of each row, and of its words what ``hits`` selects the numbers of."""

    rest: Where
    hits: Where | None = None
    match: str = ""
    """The words as FTS5 takes them; empty where there is no index."""
    told: Where = Where()
    """The same of the words as ``hits``, to be looked for in each row."""

    @property
    def looked_at(self) -> Where:
        """All of it, with the words looked for in each row."""
        return Where(f"{self.told.sql} AND {self.rest.sql}", (*self.told.values, *self.rest.values))

    @property
    def whole(self) -> Where:
        """All of it as a condition of a row. The plus keeps SQLite from sorting all that have the words."""
        if self.hits is None:
            return self.rest
        return Where(
            f"+requests.rowid IN ({self.hits.sql}) AND {self.rest.sql}", (*self.hits.values, *self.rest.values)
        )


@frozen
class Index:
    """How words can be looked up: whether there is an index, and up to when requests are not in it yet."""

    full_text: bool
    unfilled: float


@dataclass(slots=True)
class _Conditions:
    sql: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, where: Where, *, inverted: bool) -> None:
        self.sql.append(f"NOT ({where.sql})" if inverted else f"({where.sql})")
        self.values += where.values

    def done(self) -> Where:
        return Where(" AND ".join(self.sql), tuple(self.values)) if self.sql else Where()


def selection(wanted: Filter, index: Index) -> Selection:
    """The conditions of a filter. All words that must be there are one question to the index."""
    conditions = _Conditions()
    words: list[Words] = []
    for term in wanted.terms:
        if isinstance(term.test, Words) and term.test.words and not term.inverted:
            words.append(term.test)
        else:
            conditions.add(_where(term, index), inverted=term.inverted)
    if not words:
        return Selection(conditions.done())
    match = _match(words) if index.full_text else ""
    return Selection(conditions.done(), _hits(words, index), match, _told(words))


def _where(term: Term, index: Index) -> Where:
    match term.test:
        case Words(words=words, sign=sign):
            if not words:
                return Where("instr(requests.preview, ?)", (sign,))
            hits = _hits([term.test], index)
            return Where(f"+requests.rowid IN ({hits.sql})", hits.values)
        case Named(field=name, values=values, exact=True):
            return Where(f"{_FIELDS[name]} IN ({', '.join('?' * len(values))})", values)
        case Named(field=name, values=values):
            parts = " OR ".join([f"instr(lower({_FIELDS[name]}), ?)"] * len(values))
            return Where(parts, tuple(map(lower, values)))
        case Compared(quantity=quantity, sign=sign, value=value):
            return Where(f"coalesce({_QUANTITIES[quantity]} {sign} ?, 0)", (value,))
        case When(first=first, end=end):
            return Where("requests.at >= ? AND requests.at < ?", (first, end))


def _hits(words: Sequence[Words], index: Index) -> Where:
    """The numbers of the requests that have all the words: in the index, still running, or not in the index yet."""
    patterns = [pattern_of(one.words, whole=one.whole) for one in words]
    running, logged = _in_search(patterns), _in_words(patterns)
    if index.full_text:
        found = Where("SELECT rowid FROM request_text WHERE request_text MATCH ?", (_match(words),))
    else:
        found = Where(f"SELECT number FROM request_words WHERE {logged.sql}", logged.values)
    sql = f"{found.sql} UNION ALL SELECT rowid FROM requests WHERE status = 'running' AND {running.sql}"
    values = (*found.values, *running.values)
    if index.unfilled > 0:
        sql = f"{sql} UNION ALL SELECT rowid FROM requests WHERE at <= ? AND {running.sql}"
        return Where(sql, (*values, index.unfilled, *(pattern.strip() for pattern in patterns)))
    return Where(sql, values)


def _told(words: Sequence[Words]) -> Where:
    patterns = [pattern_of(one.words, whole=one.whole) for one in words]
    running, logged = _in_search(patterns), _in_words(patterns)
    sql = (
        f"(EXISTS (SELECT 1 FROM request_words WHERE number = requests.rowid AND {logged.sql})"
        f" OR (requests.status = 'running' AND {running.sql}))"
    )
    return Where(sql, (*logged.values, *running.values))


def _in_words(patterns: Sequence[str]) -> Where:
    """Whether all are in a row of the words that were logged."""
    either = " AND ".join(["(instr(words, ?) OR instr(said, ?))"] * len(patterns))
    return Where(either, tuple([pattern for pattern in patterns for _ in "ab"]))


def _in_search(patterns: Sequence[str]) -> Where:
    """Whether all are in the text of a request itself."""
    return Where(" AND ".join(["instr(search, ?)"] * len(patterns)), tuple(patterns))


def _match(words: Sequence[Words]) -> str:
    """FTS5's own language: letters and digits between quotes, which nothing can leave."""
    return " AND ".join(f'"{" ".join(one.words)}"{"" if one.whole else " *"}' for one in words)
