"""What an operator can do about a provider that is left alone: have it called again."""

from __future__ import annotations

from gateway_core.model import CommandResult
from gateway_core.model_commands import ModelName
from gateway_core.provider_checks import ProviderChecks
from gateway_core.providers.health import Health
from gateway_core.tiers import Tiers


class RoutingCommands:
    """Commands that change who is called."""

    def __init__(self, health: Health, tiers: Tiers, checks: ProviderChecks) -> None:
        self._health = health
        self._tiers = tiers
        self._checks = checks

    async def retry_provider(self, provider: ModelName) -> CommandResult:
        """Closes all circuits of a provider at once, and forgets what it asked to wait."""
        if provider not in self._tiers.names:
            known = ", ".join(self._tiers.names)
            return CommandResult(False, f"There is no provider {provider!r}. Known: {known}.")
        waited = self._health.retry(provider)
        self._checks.look_again()
        if waited:
            return CommandResult(True, f"{provider} will be called again from the next request.")
        return CommandResult(True, f"{provider} was not paused.")
