"""The actions of the models screen, what each needs of the server, and what ``?`` says of the screen."""

from __future__ import annotations

from llmgw_tui.panes.models import LEGEND
from llmgw_tui.screens.place import PlaceAction

ACTIONS = (
    PlaceAction("pin", "i", "pin", "Pin or unpin the model under the cursor: pinned, it stays loaded", changes=True),
    PlaceAction(
        "num_ctx", "n", "num_ctx", "Set the context to load the model with, or leave it automatic", changes=True
    ),
    PlaceAction(
        "stop_pull",
        "x",
        "stop pull",
        "Cancel a pull (it can be resumed), or remove one that ended from the list",
        changes=True,
    ),
    PlaceAction("unload_all", "u", "unload all", "Unload all models (asks)", changes=True),
    PlaceAction("delete", "d", "delete", "Delete the model under the cursor from disk (asks)", changes=True),
    PlaceAction("fit", "f", "fits?", "Check whether the model fits in memory and VRAM"),
    PlaceAction("order", "o", "sort", "Sort: loaded, name, size, last used, speed"),
    PlaceAction("versions", "v", "versions", "Check the registry for newer versions now", changes=True),
)
ABILITIES = {
    "pin": "pin",
    "num_ctx": "num_ctx",
    "stop_pull": "pull",
    "unload_all": "unload",
    "delete": "delete",
    "fit": "fit",
    "versions": "pull",
}
"""Of the server, by the action that needs it."""
EXPLANATIONS = (
    (
        "The list",
        "Context is what is in force of what the model was trained for; num_ctx is your choice. Speed (tok/s) is "
        "measured on real answers. Stale shows N for a newer version, and the days a model has not been used.",
    ),
    (
        "Pulls",
        "Tab moves to the pulls. They go on when you leave this screen. A pull that was cancelled or interrupted keeps "
        "what it has: pull the model again to resume.",
    ),
    ("Letters", ", ".join(f"{letter} {name}" for name, letter in LEGEND)),
)
