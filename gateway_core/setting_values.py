"""What the settings screen shows: values that name no room of the gateway. No secret is in any of them."""

from __future__ import annotations

from gateway_core.frozen import frozen


@frozen
class SettingValue:
    """One setting: what is in force, and why. Texts are foreign where a person wrote them into a file."""

    name: str
    """As the environment has it, for example ``DAILY_BUDGET_HARD``."""
    group: str
    value: str
    """In force now, masked where it is a secret."""
    default: str
    source: str
    """``default``, ``config.yaml``, ``.env``, ``environment``, ``flag``, ``operator`` or ``program``."""
    where: str = ""
    """The file and its line, the variable or the flag; what the operator did."""
    explanation: str = ""
    allowed: str = ""
    """What it may be, for people."""
    changed: bool = False
    """It is not the default."""
    restart: bool = False
    """A change is taken up when llmgw is started again; otherwise at once."""
    secret: bool = False
    hidden_by: tuple[str, ...] = ()
    """What else sets it, and does not win; the strongest first."""
    waiting: str = ""
    """What is configured but not in force yet: it takes a restart, or is mistaken."""
    line: str = ""
    """The exact line for the configuration file, with the value in force."""
    details: tuple[str, ...] = ()
    """What a value that is a list holds, a line each."""
    set_at: float | None = None
    """When the operator set it, Unix seconds; None where nobody knows, or the configuration decides."""
    undo: str = ""
    """How what the operator did is undone."""


@frozen
class SettingsReport:
    """All settings in the order of their groups. ``files`` are those that are read: path, and whether it is there."""

    settings: tuple[SettingValue, ...] = ()
    problems: tuple[str, ...] = ()
    files: tuple[tuple[str, bool], ...] = ()
    problem: str = ""
    """Why they could not be looked at; empty otherwise."""
