"""``llmgw cache``: what the running gateway's answer caches keep and have saved, and how to be rid of it."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

from gateway_core.model import CacheEntryDetail, CachePage, CacheStats, Saved
from gateway_core.settings import Settings
from llmgw_tui.reach import asked_gateway
from llmgw_tui.source_http import Unreachable
from llmgw_tui.tables import print_table
from llmgw_tui.telling import complain, print_json, tell
from llmgw_tui.text import clean, count, dollars, duration, fit, message_text, one_line, preview, time_saved

QUESTION_CELLS = 48
SHOWN = 50


async def cache(settings: Settings, arguments: argparse.Namespace) -> int:
    """Runs ``totals``, ``list``, ``show``, ``delete`` or ``clear``; 1 when it failed, 2 for wrong use."""
    if arguments.action == "clear" and not arguments.yes:
        complain("clearing a cache cannot be undone: add --yes.")
        return 2
    async with asked_gateway(settings) as source:
        if source is None:
            return 1
        try:
            match arguments.action:
                case "list":
                    return _list(await source.cache_entries(arguments.query, arguments.order), arguments)
                case "show":
                    return _show(await source.cache_entry(arguments.id), as_json=arguments.json)
                case "delete":
                    return tell(await source.run("forget_answer", entry=arguments.id))
                case "clear":
                    both = arguments.exact == arguments.semantic
                    which = "all" if both else "exact" if arguments.exact else "semantic"
                    return tell(await source.run("clear_cache", which=which))
                case _:
                    return _totals((await source.fetch()).cache, as_json=arguments.json)
        except Unreachable as error:
            return complain(str(error))


def _totals(stats: CacheStats, *, as_json: bool) -> int:
    kept = {"exact": stats.entries, "semantic": stats.semantic.entries}
    if as_json:
        print_json({"kept": kept, "today": asdict(stats.today), "ever": asdict(stats.ever)})
        return 0
    head = ("", "kept", "hits today", "saved", "time", "hits ever", "saved", "time")
    rows = [
        (name, f"{kept[name]:,}", *_saved(getattr(stats.today, name)), *_saved(getattr(stats.ever, name)))
        for name in ("exact", "semantic")
    ]
    total = ("total", f"{sum(kept.values()):,}", *_saved(stats.today.total), *_saved(stats.ever.total))
    print_table([head, *rows, total], left=1)
    return 0


def _saved(saved: Saved) -> tuple[str, str, str]:
    return f"{saved.hits:,}", dollars(saved.microusd), time_saved(saved.ms)


def _list(page: CachePage, arguments: argparse.Namespace) -> int:
    """A cache that cannot be seen is told on stderr, and fails the command: what is printed is not all."""
    if arguments.json:
        print_json([asdict(entry) for entry in page.entries])
    elif page.entries:
        head = ("id", "question", "answered by", "age", "hits", "saved", "expires")
        now = time.time()
        rows = [
            (
                entry.id,
                fit(preview(entry.question), QUESTION_CELLS).rstrip() or "-",
                one_line(entry.model),
                duration(now - entry.created_at),
                count(entry.hits),
                dollars(entry.saved_microusd) if entry.saved_microusd else "-",
                duration(entry.expires_at - now),
            )
            for entry in page.entries[:SHOWN]
        ]
        print_table([head, *rows], left=3)
        if page.total > len(rows):
            print(f"\n{page.total - len(rows):,} more: give words from the question, or --json for up to 1,000.")
    elif not page.problem:
        print("Nothing is kept that was asked for.")
    return complain(page.problem) if page.problem else 0


def _show(found: CacheEntryDetail | None, *, as_json: bool) -> int:
    if found is None:
        return complain("there is no cached answer of that id, or its cache cannot be looked at now.")
    if as_json:
        print_json(asdict(found))
        return 0
    entry = found.entry
    print(f"{preview(entry.question) or '(question not kept)'}")
    for wording in found.wordings:
        print(f"  also: {preview(wording)}")
    print(
        f"  {entry.kind}  {one_line(entry.provider)}/{one_line(entry.model)}  {entry.hits} hits  saved "
        f"{dollars(entry.saved_microusd)} {time_saved(entry.saved_ms)}\n"
    )
    print(clean(message_text(found.answer)) if found.answer else "(the answer is damaged)")
    return 0
