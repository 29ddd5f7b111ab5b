"""The actions of the models screen, what each needs of the server, and what ``?`` says of the screen."""

from __future__ import annotations

from llmgw_tui.panes.models import LEGEND
from llmgw_tui.screens.place import PlaceAction

ACTIONS = (
    PlaceAction("pin", "i", "pin", "Keep the model under the cursor loaded, or let it go again", changes=True),
    PlaceAction(
        "num_ctx", "n", "num_ctx", "Set the context that the model is loaded with, or leave it to llmgw", changes=True
    ),
    PlaceAction(
        "stop_pull", "x", "stop pull", "Cancel a pull, which can go on later; or forget one that ended", changes=True
    ),
    PlaceAction("unload_all", "u", "unload all", "Free the memory of all loaded models (asks)", changes=True),
    PlaceAction("delete", "d", "delete", "Delete the model under the cursor from the disk (asks)", changes=True),
    PlaceAction("fit", "f", "fits?", "Whether the model fits into memory and VRAM, at its context"),
    PlaceAction("order", "o", "sort", "Sort: loaded first, by name, size, last used, speed"),
    PlaceAction("versions", "v", "versions", "Ask the registry now which models have newer versions", changes=True),
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
        "Context is what is in force, and what the model was trained on; num_ctx is what was chosen for it. Tokens a "
        "second are measured on real answers. Stale is what has a newer version, and what was long not used.",
    ),
    (
        "Pulls",
        "Tab goes to them. They go on when this screen is left. When a pull is cancelled or llmgw ends, what is there "
        "stays there: a new pull goes on with it.",
    ),
    ("Letters", ", ".join(f"{letter} {name}" for name, letter in LEGEND)),
)
