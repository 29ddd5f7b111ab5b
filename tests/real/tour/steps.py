"""How the tour walks every action: the keys, and what the screen must show after each. Most begin on the dashboard."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from tests.fakes.script import Failure, Reply
from tests.real.tour.moves import OWN, Move, move, palette
from tests.real.tour.world import MODEL as LOADED
from tests.real.tour.world import SECRET, SLOW_PULL, WHOLE_PULL, World, ask

REQUESTS = move("r", r"Requests \d+ (· at \d+ )?· newest first")
MODELS = move("m", r"Models \d, loaded first")
SPEND = move("$", r"Spend +\[today\]")
CACHE = move("c", r"Cache +\[entries\] +hits +\d kept")
ROUTING = move("t", r"Routing +\[line-up\]")
LOG = move("g", r"Log +\d+ entr")
SETTINGS = move(",", r"Settings +\d+ settings")
WHAT_IF = move("W", r"policy +as it was")
DASHBOARD = r"╭─ (▸ )?Requests"
FILTER = "words, tier:premium"
ONE = move("enter", r" Request req_")


def found(filtered_by: str) -> Move:
    """The requests that a filter finds; a title never counts other rows than those."""
    return move(f"slash '{filtered_by}' enter", rf"Requests \d of \d+ match.*/{filtered_by}")


PREMIUM = (REQUESTS, found("tier:premium"), ONE)
HERE = Move()
"""In place of the way from the dashboard: where the step before has ended."""

EVERYWHERE: Mapping[str, tuple[Move, ...]] = {
    "dashboard": (REQUESTS, move(OWN, DASHBOARD), move(OWN, toast="This is the dashboard")),
    "requests": (REQUESTS, move(OWN, DASHBOARD)),
    "models": (MODELS, move(OWN, DASHBOARD)),
    "spend": (SPEND, move(OWN, DASHBOARD)),
    "cache": (CACHE, move(OWN, DASHBOARD)),
    "routing": (ROUTING, move(OWN, DASHBOARD)),
    "log": (LOG, move(OWN, DASHBOARD)),
    "settings": (SETTINGS, move(OWN, DASHBOARD)),
    "what_if": (WHAT_IF, move(OWN, DASHBOARD)),
    "force_local": (move(OWN, "forced: local", toast="Every request goes to local"),),
    "force_cheap": (move(OWN, "forced: cheap", toast="Every request goes to cheap"),),
    "force_premium": (move(OWN, "forced: premium", toast="Every request goes to premium"),),
    "force_auto": (move(OWN, "tier auto", toast="The router chooses"),),
    "kill_switch": (
        move(OWN, "KILLED", toast="Kill switch on"),
        move(OWN, "Release the kill switch"),
        move(OWN, toast="It is released outside of this question"),
        move("n", "!Release the kill switch"),
        move(OWN, "Release the kill switch"),
        move("y", "RUNNING", toast="Kill switch off"),
    ),
    "kill_anywhere": (
        REQUESTS,
        move("slash", FILTER),
        move("'ki'", r"\bki\b"),
        move(OWN, "KILLED"),
        move(OWN, "Release the kill switch"),
        move("y", "RUNNING"),
    ),
    "help": (
        move(OWN, "Keys everywhere"),
        move("slash 'while something is typed' enter", "!Let the router choose"),
        move("escape escape", DASHBOARD),
    ),
    "palette": (
        move(OWN, "Find an action"),
        move("'theme'", "Choose the colours"),
        move("", "!Pull a model"),
        move("escape escape", "!Choose the colours"),
    ),
    "maximise": (
        move(OWN, "!Tiers", toast="is maximised"),
        move(OWN, "─ Tiers", toast="All panes are shown"),
    ),
    "theme": (
        palette("theme", r"dark +\(current\)"),
        move("down enter", toast=r"Theme: \w+\."),
        palette("theme", r"light +\(current\)"),
        move("enter", toast=r"Theme: dark\."),
    ),
    "ascii": (palette("ascii", r"\+-.*Requests"), palette("ascii", DASHBOARD)),
    "reload": (palette("reload", toast="[Cc]onfiguration|started"),),
    "set_budget": (
        palette("set budget", "Daily limits in dollars"),
        move("ctrl+u '4 12 40'", r"4 12 40 "),
        move("enter", "of .40", toast=r"Daily limits: soft \$?4.00"),
    ),
    "filter": (REQUESTS, found("tier:cheap"), move("escape", r"Requests \d+ ·")),
    "detail": (REQUESTS, ONE),
    "mark_wrong": (
        REQUESTS,
        found("cache:exact"),
        move(OWN, toast="That answer is forgotten"),
        move(OWN, toast="already marked wrong"),
        move("escape", r"Requests \d+ ·"),
        found("tier:premium"),
        move(OWN, toast="Only a cached answer"),
    ),
    "thumb_up": (
        REQUESTS,
        found("tier:premium"),
        move(OWN, r"\+ Is it", toast="premium was good enough"),
        move(OWN, r"!\+ Is it", toast="That thumb is taken back"),
    ),
    "thumb_down": (
        REQUESTS,
        found("tier:premium"),
        move(OWN, "- Is it", toast="premium was not good enough"),
        ONE,
        move("", "- not good enough"),
        move(OWN, "!not good enough for", toast="That thumb is taken back"),
    ),
    "cancel_request": (
        move("", "1 in flight"),
        REQUESTS,
        move(OWN, "Stop this one request"),
        move("n", "!Stop this one request"),
        move(OWN, "Stop this one request"),
        move("y", "0 in flight", toast="is stopped"),
        move(OWN, toast="Only a request that still runs"),
    ),
    "copy": (REQUESTS, move(OWN, toast="Copied", copied=r"^req_")),
}
PLACES: Mapping[str, tuple[Move, ...]] = {
    "requests.pause": (REQUESTS, move(OWN, "· paused"), move(OWN, "· following")),
    "requests.order": (
        REQUESTS,
        move(OWN, " · highest cost first"),
        move(OWN, " · most saved first"),
        move("o o o o", " · newest first"),
    ),
    "requests.turn": (REQUESTS, move(OWN, "oldest first"), move(OWN, " · newest first")),
    "request.whole": (
        REQUESTS,
        found("LONGER"),
        ONE,
        move(OWN, toast="shown whole"),
        move(OWN, toast="cut again"),
    ),
    "request.headers": (*PREMIUM, move(OWN, r"req_\w+: headers"), move(OWN, "!: headers")),
    "request.upstream": (HERE, move(OWN, r"req_\w+: upstream"), move(OWN, "!: upstream")),
    "request.export": (HERE, move(OWN, "Export as"), move("enter", toast="Exported to", copied="^curl")),
    "request.copy_what": (HERE, move(OWN, "Copy what"), move("down down enter", toast="Copied", copied="^req_")),
    "request.next_match": (HERE, move("slash 'e' enter", r" 1 of \d+ li"), move(OWN, r" 2 of \d+ li")),
    "request.previous_match": (
        HERE,
        move(OWN, r" 1 of \d+ li"),
        move("escape", "! 1 of"),
        move(OWN, toast="Nothing to find yet"),
    ),
    "request.replay": (
        HERE,
        move(OWN, "Run it again on"),
        move("down enter", r"Run it again on cheap\?"),
        move("y", "Two answers"),
        move("", r"ok +C cheap"),
    ),
    "compare.first": (HERE, move(OWN, toast="premium is what")),
    "compare.second": (HERE, move(OWN, toast="cheap is what")),
    "compare.same": (HERE, move(OWN, toast="as good, so cheap is what")),
    "compare.whole": (HERE, move(OWN, toast="shown whole")),
    "compare.next_match": (HERE, move("slash 'e' enter", r" 1 of \d+ li"), move(OWN, r" 2 of \d+ li")),
    "compare.previous_match": (HERE, move(OWN, r" 1 of \d+ li")),
    "request.previous_request": (REQUESTS, move("end"), ONE, move(f"{OWN} {OWN} {OWN}", "ok  P premium")),
    "request.next_request": (
        HERE,
        move(OWN, "!ok  P premium"),
        move(f"{OWN} {OWN} {OWN}", toast="last request of the list"),
    ),
    "request.compare": (REQUESTS, found("tier:cheap"), ONE, move(OWN, "Two answers")),
    "spend.longer": (SPEND, move(OWN, r"\[7 days\]")),
    "spend.shorter": (move("$", r"Spend .*\[7 days\]"), move(OWN, r"\[today\]")),
    "spend.group": (SPEND, move(OWN, "by model")),
    "spend.limits": (
        SPEND,
        move(OWN, "Daily limits in dollars"),
        move("ctrl+u '4 12 90' enter", r"Raise the daily limit"),
        move("y", toast=r"hard \$?90"),
    ),
    "spend.export": (SPEND, move(OWN, toast="Written to")),
    "cache.other": (CACHE, move(OWN, r"\[hits\]"), move("d", toast="can be forgotten"), move(OWN, r"\[entries\]")),
    "cache.order": (CACHE, move(OWN, r"kept, (?!newest)[a-z ]+ first")),
    "answer.whole": (
        move("c", r"Cache +\[entries\]"),
        move("enter", "Cached answer"),
        move(OWN, toast="shown whole"),
    ),
    "cache.forget": (
        move("c", r"Cache +\[entries\]"),
        move(OWN, r"Forget this answer\?"),
        move("y", " 1 kept", toast="forgotten|Forgot"),
    ),
    "what_if.more": (WHAT_IF, move(OWN, "policy +premium for the hardest"), move("u", "policy +as it was")),
    "what_if.less": (WHAT_IF, move(OWN, "policy +premium for the hardest"), move("u", "policy +as it was")),
    "what_if.much_more": (WHAT_IF, move(OWN, "policy +premium for the hardest"), move("u", "policy +as it was")),
    "what_if.much_less": (WHAT_IF, move(OWN, "policy +premium for the hardest"), move("u", "policy +as it was")),
    "what_if.all": (
        WHAT_IF,
        move(OWN, "policy +all to premium"),
        move(OWN, "policy +all to cheap"),
        move(OWN, "policy +all to local"),
        move(OWN, "policy +as it was"),
    ),
    "what_if.model": (
        WHAT_IF,
        move(OWN, "Which local model"),
        move("end enter", "Another local model"),
        move("'tiny@1024' enter", r"policy +tiny \(1k context\) as the local model"),
        move("u", "policy +as it was"),
    ),
    "what_if.cache": (WHAT_IF, move(OWN, "policy +answer caches off"), move(OWN, "policy +as it was")),
    "what_if.prompt_cache": (WHAT_IF, move(OWN, "policy +prompt caching off"), move(OWN, "policy +as it was")),
    "what_if.longer": (WHAT_IF, move(OWN, r"\[90 days\]"), move("shift+tab", r"\[30 days\]")),
    "what_if.shorter": (WHAT_IF, move(OWN, r"\[7 days\]"), move("tab", r"\[30 days\]")),
    "what_if.chart": (
        WHAT_IF,
        move(OWN, toast="The chart has the days as it was"),
        move(OWN, toast="under the policy"),
    ),
    "what_if.reset": (WHAT_IF, move("o", "policy +answer caches off"), move(OWN, "policy +as it was")),
    "routing.other": (ROUTING, move(OWN, r"\[decisions\]"), move("shift+tab", r"\[line-up\]")),
    "routing.before": (ROUTING, move(OWN, r"\[learning\]"), move("tab", r"\[line-up\]")),
    "routing.try": (
        ROUTING,
        move(OWN, "Where would this prompt go"),
        move("'hello' enter", "Where it would go "),
    ),
    "routing.learn": (ROUTING, move(OWN, toast="learned from|nothing to learn from")),
    "routing.revert": (ROUTING, move(OWN, toast="rules alone decide")),
    "routing.again": (
        ROUTING,
        move("down"),
        move(OWN, toast="groq will be called again"),
        move(OWN, toast="groq was not paused"),
    ),
    "lineup_place.again": (
        ROUTING,
        move("enter", r"In the line-up groq/"),
        move(OWN, toast="groq will be called again"),
    ),
    "log.level": (LOG, move(OWN, "warning and above")),
    "log.pause": (move("g", r"Log +\d+ entr"), move(OWN, "paused, "), move(OWN, "!paused, ")),
    "settings.undo": (
        move("1", "forced: local"),
        SETTINGS,
        move("u", toast="This is as configured"),
        move("slash 'forced tier' enter", "/forced tier"),
        move("down", ""),
        move(OWN, "tier auto", toast="The router chooses"),
        move("escape", "!/forced tier"),
    ),
    "gateway_key.show": (
        SETTINGS,
        move("slash 'gateway_secret' enter", "/gateway_secret"),
        move("down"),
        move("enter", "the key +hidden"),
        move(OWN, SECRET),
    ),
    "gateway_key.copy_key": (HERE, move(OWN, toast="Copied", copied=SECRET)),
    "settings.reload": (SETTINGS, move(OWN, toast="[Cc]onfiguration|started")),
}
MODEL: Mapping[str, tuple[Move, ...]] = {
    "load": (
        move("m", "1 loaded"),
        move("home", r"smollm2:135m ─"),  # the cursor stays on its model when another one comes before it
        move(OWN, "0 loaded", toast="is unloaded"),
        move(OWN, "1 loaded", toast="is loaded with a context"),
    ),
    "models.pin": (MODELS, move(OWN, "pinned", toast="stays loaded"), move(OWN, "!pinned", toast="not been used")),
    "models.num_ctx": (MODELS, move(OWN, "Context of"), move("down enter", toast="has a context of")),
    "models.fit": (MODELS, move(OWN, toast="Fits in main memory")),
    "models.order": (
        MODELS,
        move(OWN, r"Models \d, by name"),
        move(OWN, r"Models \d, by size"),
        move(OWN, r"by last used"),
        move(OWN, "by speed"),
        move(OWN, "loaded first"),
    ),
    "models.versions": (MODELS, move(OWN, toast="LOCAL_REGISTRY is off")),
    "switch": (
        MODELS,
        move(OWN, "Which tier should"),
        move("down enter", toast="[Cc]heap"),
        move(OWN, "Which tier should"),
        move("escape", "!Which tier should"),
    ),
    "models.unload_all": (
        MODELS,
        move(OWN, r"Unload [^\n]*\?"),
        move("y", "0 loaded", toast="1 model unloaded"),
        move(OWN, toast="No model is loaded"),
    ),
    "pull": (
        MODELS,
        move(OWN, "Pull a model"),
        move(f"'{WHOLE_PULL}' enter", rf"Pull {WHOLE_PULL}\?"),
        move("y", "Models 3,", toast=f"{WHOLE_PULL} is pulled"),
        move("x", toast=f"The pull of {WHOLE_PULL} is off the list"),
        move("x", toast="No model is being pulled"),
    ),
    "models.stop_pull": (
        MODELS,
        move("p", "Pull a model"),
        move(f"'{SLOW_PULL}' enter", rf"Pull {SLOW_PULL}\?"),
        move("y", r"Pulls", toast=f"Pulling {SLOW_PULL}"),
        move(OWN, "cancelled", toast=f"Stopped pulling {SLOW_PULL}"),
        move("tab p", "!cancelled", toast=f"Pulling {SLOW_PULL}"),
    ),
    "cancel_pull": (
        palette("cancel pull", "Cancel which pull"),
        move("enter", toast=f"Stopped pulling {SLOW_PULL}"),
        MODELS,
        move("o", "by name"),  # the keys are the list's again
        move("o o o o", "loaded first"),
    ),
    "models.delete": (
        MODELS,
        move(OWN, r"Delete [^\n]*\?"),
        move("n", r"!Delete [^\n]*\?"),
        move(OWN, r"Delete [^\n]*\?"),
        move("y", "Models 2,", toast="is deleted"),
    ),
}
END: Mapping[str, tuple[Move, ...]] = {
    "stop_gateway": (palette("stop gateway", r"Stop the gateway\?"), move("n", r"!Stop the gateway\?")),
    "quit": (move(OWN, "ended with 0"),),
}
STEPS: Mapping[str, tuple[Move, ...]] = {**EVERYWHERE, **PLACES, **MODEL, **END}
"""In this order: a request that was run again is there to be compared, and what was pulled to be deleted."""


def _groq_is_left_alone(world: World, env: Mapping[str, str]) -> None:
    """Its key is refused once, so that nobody calls it until a person has it called again."""
    world.do(lambda: world.groq.script(Failure(401, "Invalid API key", code="invalid_api_key")))
    ask(env, "Who answers this?", "gateway-cheap")


def _one_runs(world: World, env: Mapping[str, str]) -> None:
    """Its answer does not come until it is stopped."""
    world.do(lambda: world.ollama.script(Reply(held=True)))
    threading.Thread(target=ask, args=(env, "A question that takes long?"), daemon=True).start()


def _one_is_loaded(world: World, env: Mapping[str, str]) -> None:
    """The steps before take so long on a busy machine that its time may be over."""
    world.do(lambda: world.ollama.load(LOADED))


PREPARED: Mapping[str, Callable[[World, Mapping[str, str]], None]] = {
    "load": _one_is_loaded,
    "cancel_request": _one_runs,
    "routing.again": _groq_is_left_alone,
    "lineup_place.again": _groq_is_left_alone,
}
"""What has to happen first, so that the action has an effect."""
WITHOUT_EFFECT_IN_THE_DEMO = {
    "routing.again": "the simulated Groq never fails, so nobody is left alone: here its key is refused",
    "lineup_place.again": "the same",
    **dict.fromkeys(
        ("pull", "cancel_pull", "models.stop_pull", "models.pin", "models.num_ctx", "models.delete"),
        "the demo has the built-in model only, which cannot be pulled, pinned or deleted: here a fake Ollama can",
    ),
    "models.versions": "no registry may be asked in tests: here it says so, see tests/ollama/test_registry.py",
    "reload": "the demo has no configuration that could have changed: here it says so, see tests/e2e/test_reload.py",
}
"""Why the tour has a gateway with fakes around it, and is not walked in ``llmgw demo``."""
