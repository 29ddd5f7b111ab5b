"""What can be typed where, as the parser has it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FLAG, CHOICE, FILE, FOLDER, OTHER = "flag", "choice", "file", "folder", "other"


class Option(NamedTuple):
    """``--name``. ``kind`` says what follows it: nothing, one of ``choices``, a file, a folder, or something else."""

    names: tuple[str, ...]
    help: str
    kind: str
    choices: tuple[str, ...]


class Word(NamedTuple):
    """A command, or a word that a command takes."""

    name: str
    help: str


class Node(NamedTuple):
    """What can follow ``path``, as ``("llmgw", "cache", "list")``."""

    path: tuple[str, ...]
    commands: tuple[Word, ...]
    words: tuple[Word, ...]
    options: tuple[Option, ...]
    takes_files: bool


def nodes(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> list[Node]:
    """The commands, from the whole down to the last."""
    path = path or (parser.prog,)
    commands, words, options, below, takes_files = [], [], [], [], False
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: _plain(choice.help) for choice in action._get_subactions()}
            named = {id(action.choices[name]): told for name, told in helps.items()}
            for name, inner in action.choices.items():  # an alias is another name of the same parser
                commands.append(Word(name, named.get(id(inner), "")))
                below += nodes(inner, (*path, name))
        elif action.option_strings:
            options.append(Option(tuple(action.option_strings), _plain(action.help), *_follows(action)))
        else:
            kind, choices = _follows(action)
            words += [Word(choice, "") for choice in choices]
            takes_files |= kind == FILE
    return [Node(path, tuple(commands), tuple(words), tuple(options), takes_files), *below]


def valued(node: Node) -> Iterator[Option]:
    """The options behind which something stands."""
    return (option for option in node.options if option.kind != FLAG)


def _follows(action: argparse.Action) -> tuple[str, tuple[str, ...]]:
    if action.nargs == 0:
        return FLAG, ()
    if action.choices is not None:
        return CHOICE, tuple(map(str, action.choices))
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if metavar == "DIR":
        return FOLDER, ()
    return (FILE if action.type is Path or "FILE" in metavar else OTHER), ()


def _plain(text: str | None) -> str:
    return " ".join((text or "").replace("%%", "%").split())
