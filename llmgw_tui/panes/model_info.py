"""One local model in words, whether it fits, and what to do where no local server answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.style import Style
from textual.strip import Strip

from gateway_core.model import Fit, FitVerdict, LocalModel, LocalServer
from llmgw_tui.panes.details import Line, chopped, heading, laid, pair, wrapped
from llmgw_tui.panes.draw import Look, line, text_segment
from llmgw_tui.panes.models import CAPABILITIES, expiry, gpu_words, is_absent, looking, manages, server_name
from llmgw_tui.text import context, duration, preview, size
from llmgw_tui.theme import BAD_STYLE, BRIGHT_STYLE, DEMO_STYLE, GOOD_STYLE, MUTED_STYLE, TEXT_STYLE, WARN_STYLE

FITS: dict[FitVerdict, tuple[str, Style]] = {
    FitVerdict.VRAM: ("fits, on the GPU", GOOD_STYLE),
    FitVerdict.PARTLY: ("fits, partly on the GPU", GOOD_STYLE),
    FitVerdict.MEMORY: ("fits, in main memory", GOOD_STYLE),
    FitVerdict.TIGHT: ("tight", WARN_STYLE),
    FitVerdict.NO: ("does not fit", BAD_STYLE),
    FitVerdict.UNKNOWN: ("not known", MUTED_STYLE),
}


def about_model(
    model: LocalModel,
    server: LocalServer,
    tiers: Sequence[str],
    fit: Fit | None,
    look: Look,
    width: int,
    *,
    full: bool = False,
) -> tuple[Strip, ...]:
    """What there is to know of a model; ``full`` is for a screen of its own."""
    rows: list[Line] = [] if full else list(heading(preview(model.name), width, look))[1:]
    rows += _serving(model, server, tiers, look, width)
    rows += _context(model, server, width)
    rows += wrapped("can", _abilities(model), width, TEXT_STYLE)
    rows += _speed(model, look)
    rows += _stale(model, server, look, width)
    rows += _on_disk(model, server, look, width, full=full)
    if fit is not None:
        rows += fit_rows(fit, width)
    return tuple(laid(rows, width))


def _serving(model: LocalModel, server: LocalServer, tiers: Sequence[str], look: Look, width: int) -> Iterator[Line]:
    serves = " and ".join(tier.upper() for tier in tiers)
    if model.builtin:
        yield from wrapped(
            "what it is",
            "llmgw's own small model, on the CPU. It stands in until a local server answers.",
            width,
            DEMO_STYLE,
        )
    yield pair("serves", serves or "no tier now", BRIGHT_STYLE if serves else MUTED_STYLE)
    if model.loaded:
        until, style = expiry(model, server, look.now)
        words = {"pinned": "pinned: stays loaded", "stays": "stays loaded", "ending": "unloads when it is done"}
        said = "" if model.builtin or not until else words.get(until, f"unloads in {until}")
        memory = size(model.memory_bytes) if model.memory_bytes else ""
        gpu = f"{gpu_words(model)} on the GPU" if gpu_words(model) else ""
        busy = f"{model.in_flight} request{'' if model.in_flight == 1 else 's'} in flight" if model.in_flight else ""
        yield pair("loaded", ", ".join(word for word in ("yes", memory, gpu, said, busy) if word), style)
    elif model.pinned:
        yield pair("loaded", "no; it is pinned, so it will stay once loaded", WARN_STYLE)
    else:
        yield pair("loaded", "no", MUTED_STYLE)


def _context(model: LocalModel, server: LocalServer, width: int) -> Iterator[Line]:
    parts = []
    if model.loaded and model.context_length:
        parts.append(f"{context(model.context_length)} in force")
    if model.trained_context:
        parts.append(f"{context(model.trained_context)} trained")
    if model.own_context:
        parts.append(f"{context(model.own_context)} made with")
    chosen = (
        f"num_ctx {model.num_ctx:,} chosen" if model.num_ctx else "num_ctx automatic (as large as each prompt needs)"
    )
    parts += [chosen] if manages(server, "num_ctx") and not model.builtin else []
    yield from wrapped("context", ", ".join(parts) or "not known", width, TEXT_STYLE)


def _abilities(model: LocalModel) -> str:
    known = [f"{letter} {name}" for name, letter in CAPABILITIES.items() if name in model.capabilities]
    other = [preview(name) for name in model.capabilities if name not in CAPABILITIES]
    return ", ".join([*known, *other]) or "the server does not say"


def _speed(model: LocalModel, look: Look) -> Iterator[Line]:
    speed = model.speed
    parts = []
    if speed.tokens_per_s:
        parts.append(
            f"{speed.tokens_per_s:.1f} tokens/s over {speed.answers} answer{'' if speed.answers == 1 else 's'}"
        )
    if speed.prompt_tokens_per_s:
        parts.append(f"reads prompts at {speed.prompt_tokens_per_s:,.0f} tokens/s")
    if parts and speed.measured_at:
        parts.append(f"measured {duration(look.now - speed.measured_at)} ago")
    words = ", ".join(parts) or "not measured yet: no answer was long enough"
    yield pair("speed", words, BRIGHT_STYLE if parts else MUTED_STYLE)


def _stale(model: LocalModel, server: LocalServer, look: Look, width: int) -> Iterator[Line]:
    update, used = model.update, model.last_used_at
    words = f"{duration(look.now - used)} ago" if used is not None else "never, as far as the request log goes back"
    if model.unused and model.unused_days is not None:
        words += f"; stale: unused for {model.unused_days} days"
    yield pair("last used", words, WARN_STYLE if model.unused else TEXT_STYLE)
    if model.builtin or not manages(server, "pull"):
        return
    checked = f", checked {duration(look.now - update.checked_at)} ago" if update.checked_at is not None else ""
    if update.newer:
        words = f"stale: the registry has a newer one{checked}; pull it again to update"
        yield from wrapped("version", words, width, WARN_STYLE)
    elif update.newer is False:
        yield pair("version", f"up to date{checked}", TEXT_STYLE)
    else:
        yield from wrapped(
            "version", preview(update.why_unknown) or "not checked with the registry yet", width, MUTED_STYLE
        )


def _on_disk(model: LocalModel, server: LocalServer, look: Look, width: int, *, full: bool) -> Iterator[Line]:
    kind = [preview(word) for word in (model.parameter_size, model.quantization, model.family) if word]
    on_disk = [f"{size(model.size_bytes)} on disk"] if model.size_bytes else []
    if words := ", ".join([*kind, *on_disk]):
        yield pair("weights", words)
    if model.shares_with:
        yield from wrapped(
            "shares", f"its weights with {', '.join(map(preview, model.shares_with))}", width, TEXT_STYLE
        )
    if manages(server, "delete") and not model.builtin:
        yield pair("deleting", frees_words(model), MUTED_STYLE)
    if model.modified_at is not None:
        yield pair("changed", f"{duration(look.now - model.modified_at)} ago", MUTED_STYLE)
    if model.digest and full:
        yield from wrapped("digest", preview(model.digest), width, MUTED_STYLE)


def frees_words(model: LocalModel) -> str:
    """What deleting it would free."""
    if model.frees_bytes is None:
        return f"frees up to {size(model.size_bytes)}" if model.size_bytes else "frees an unknown amount"
    if model.frees_bytes == 0 and model.shares_with:
        return f"frees nothing: {preview(model.shares_with[0])} keeps the weights"
    return f"frees {size(model.frees_bytes)}"


# --- whether it fits -----------------------------------------------------------------------------------------------


def fit_words(fit: Fit) -> tuple[str, ...]:
    """The verdict and its figures, a line each; cleaned."""
    out = [preview(fit.why) or FITS[fit.verdict][0]]
    if fit.weights_bytes is not None:
        about = "about " if fit.context_estimated else ""
        needs = f"weights {size(fit.weights_bytes)}"
        if fit.context_bytes:
            needs += f", context of {context(fit.context_tokens)} {about}{size(fit.context_bytes)}"
        out.append(needs)
    if fit.download_bytes is not None:
        disk = f", disk has {size(fit.disk_free_bytes)} free" if fit.disk_free_bytes is not None else ""
        full = ": NOT ENOUGH DISK SPACE" if fit.disk_fits is False else ""
        out.append(f"download {size(fit.download_bytes)}{disk}{full}" if fit.download_bytes else "nothing to download")
    return tuple(out)


def fit_rows(fit: Fit, width: int) -> Iterator[Line]:
    """The verdict, why, and the figures."""
    word, style = FITS[fit.verdict]
    yield pair("does it fit", word, style)
    for text in fit_words(fit):
        yield from wrapped("", text, width, TEXT_STYLE)


def context_allowed(fit: Fit | None) -> int | None:
    """The largest context that free memory has room for, in whole thousands (of 1,024); None where nobody knows."""
    if fit is None or not fit.weights_bytes or not fit.context_bytes or not fit.context_tokens:
        return None
    if fit.memory_available_bytes is None:
        return None
    left = max(fit.memory_available_bytes, fit.vram_available_bytes or 0) - fit.weights_bytes
    tokens = int(left / (fit.context_bytes / fit.context_tokens))
    return tokens // 1024 * 1024 if tokens >= 1024 else None


# --- no server -----------------------------------------------------------------------------------------------------


def absent_lines(server: LocalServer, look: Look, width: int) -> tuple[Strip, ...]:
    """Why no local server answers, what to do, that it is looked for, and who answers meanwhile; else nothing."""
    if not is_absent(server):
        return ()
    title = "No local server answers" if server.looks_every_s else "No local server is looked for"
    rows: list[Line] = list(heading(title, width, look))[1:]
    rows += wrapped("why", server.why_absent or "Looking for a local server.", width, TEXT_STYLE)
    for number, words in enumerate(server.how_to_start):
        rows += wrapped("or" if number else "what to do", words, width, BRIGHT_STYLE)
    if again := looking(server, look.now):
        rows += wrapped("then", f"nothing more to do: llmgw {again}.", width, TEXT_STYLE)
    if server.kind == "builtin":
        name = server.current_model or server_name(server)
        words = (
            f"{preview(name)}, llmgw's own small model, answers for LOCAL. It is for trying llmgw out, not for work."
        )
        rows += wrapped("meanwhile", words, width, DEMO_STYLE)
    return tuple(laid(rows, width))


def cannot_lines(server: LocalServer, look: Look, width: int) -> tuple[Strip, ...]:
    """What a server that answers cannot do, and what to do instead; nothing where it can do all."""
    missing = [ability for ability in server.abilities if not ability.can]
    if not missing or is_absent(server):
        return ()
    rows: list[Line] = list(heading(f"What to do in {server_name(server)} itself", width, look))[1:]
    for ability in missing:
        said = preview(ability.why_not).removeprefix(f"{server_name(server)} is not Ollama: ")
        rows += wrapped(preview(ability.name), said, width, MUTED_STYLE)
    return tuple(laid(rows, width))


def no_models(server: LocalServer, look: Look, width: int, *, searched: str, pull_key: str) -> tuple[Strip, ...]:
    """What stands where no model is listed."""
    if absent := absent_lines(server, look, width):
        return absent
    if searched and server.models:
        words = f"No model matches {preview(searched)}; escape shows all."
    elif server.ability("pull").can or not server.abilities:
        words = (
            f"No models yet. {pull_key} pulls one, for example qwen3:8b." if pull_key else "No models yet. Pull one."
        )
    else:
        words = f"{server_name(server)} lists no models. {preview(server.ability('pull').why_not)}"
    return tuple(
        line(width, text_segment(f"  {piece}", MUTED_STYLE)) for piece in ("", *chopped(words, max(8, width - 4)))
    )
