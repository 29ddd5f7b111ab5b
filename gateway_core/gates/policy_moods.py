"""The ways in which a text can ask an agent for something."""

from __future__ import annotations

from enum import StrEnum, auto


class Mood(StrEnum):
    """How the text turns to the agent. It decides which form of a verb is looked for."""

    ORDER = auto()
    """*Delete it*, *lösch es*: the verb comes first."""
    REQUEST = auto()
    """*Can you delete it*, *kannst du es löschen*: in German the verb may come last."""
    THAT = auto()
    """What a thing to be written shall do: *a script that deletes it*, *ein Skript, das es löscht*."""
    WISH = auto()
    """*I need a …*, *ich brauche einen …*: there may be no verb."""
    INFINITIVE = auto()
    """*Alle Backups löschen*: German, the verb ends the sentence."""
    HOW_TO = auto()
    """*How do I write …*: a question, for most rules no ask at all."""
