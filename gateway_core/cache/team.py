"""The name under which a team shares semantic answers, in the place of each caller's own fingerprint.

Whoever opens the same table under the same name gets these answers, and this gateway gets theirs, whatever models
theirs were made with. It holds for callers who know this gateway's own key; nothing else of an identity changes, and
exact answers are shared with nobody.
"""

from __future__ import annotations

from gateway_core.keys import caller_of
from gateway_core.settings import Settings


class Team:
    """The team of the settings, if there is one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own = ""

    def of(self, caller: str) -> str:
        """The team's name for a caller who belongs to it, else empty. Reads the key once, if it is in a file."""
        name = (self._settings.semantic_cache_team or "").strip()
        if name and not self._own:
            self._own = caller_of(self._settings)
        return name if caller and caller == self._own else ""
