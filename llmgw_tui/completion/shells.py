"""The scripts. Each finds the command that is being typed from the words before the cursor, and offers what fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llmgw_tui.completion.tree import CHOICE, FILE, FLAG, FOLDER, Node, Option, Word, valued


def bash(program: str, nodes: Sequence[Node]) -> str:
    """For ``source <(llmgw completion bash)``; bash 3.2 and later."""
    values, offers = [], []
    for node in nodes:
        for option in valued(node):
            patterns = "|".join(f'"{_at(node)}|{name}"' for name in option.names)
            values.append(f"    {patterns}) {_bash_values(option)} return ;;")
        names = [word.name for word in (*node.commands, *node.words)]
        names += [name for option in node.options for name in option.names]
        offers.append(f'    "{_at(node)}") COMPREPLY=($(compgen -W "{" ".join(names)}" -- "$cur")) ;;')
    return f"""\
# bash completion for {program}. Have it always:
#   {program} completion bash > ~/.local/share/bash-completion/completions/{program}
_{program}() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" at={program} i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at ${{COMP_WORDS[i]}}" in
    {_paths(nodes, "|")}) at="$at ${{COMP_WORDS[i]}}" ;;
    esac
  done
  case "$at|$prev" in
{_lines(values)}
  esac
  case "$at" in
{_lines(offers)}
  esac
}}
complete -o default -F _{program} {program}
"""


def _bash_values(option: Option) -> str:
    if option.kind == CHOICE:
        return f'COMPREPLY=($(compgen -W "{" ".join(option.choices)}" -- "$cur"));'
    if option.kind == FOLDER:
        return 'COMPREPLY=($(compgen -d -- "$cur"));'
    return "" if option.kind == FILE else "compopt +o default 2>/dev/null;"


def zsh(program: str, nodes: Sequence[Node]) -> str:
    """For ``source <(llmgw completion zsh)``, or as ``_llmgw`` in a folder of ``fpath``."""
    values, offers = [], []
    for node in nodes:
        for option in valued(node):
            patterns = "|".join(f'"{_at(node)}|{name}"' for name in option.names)
            values.append(f"    {patterns}) {_zsh_values(option)}; return ;;")
        lines = [_zsh_word(word) for word in (*node.commands, *node.words)]
        lines += [_zsh_word(Word(name, option.help)) for option in node.options for name in option.names]
        files = " _files;" if node.takes_files else ""
        offers.append(f'    "{_at(node)}") offers=({" ".join(lines)});{files} ;;')
    return f"""\
#compdef {program}
# zsh completion for {program}. Have it always: {program} completion zsh > a folder of $fpath, as _{program}
_{program}() {{
  local at={program} i
  local -a offers
  for ((i = 2; i < CURRENT; i++)); do
    case "$at ${{words[i]}}" in
    {_paths(nodes, "|")}) at="$at ${{words[i]}}" ;;
    esac
  done
  case "$at|${{words[CURRENT-1]}}" in
{_lines(values)}
  esac
  case "$at" in
{_lines(offers)}
  esac
  _describe '{program}' offers
}}
if [ "$funcstack[1]" = "_{program}" ]; then
  _{program} "$@"
else
  compdef _{program} {program}
fi
"""


def _zsh_values(option: Option) -> str:
    if option.kind == CHOICE:
        return f"compadd -- {' '.join(option.choices)}"
    return {FOLDER: "_files -/", FILE: "_files"}.get(option.kind, f"_message {_quoted(option.help)}")


def _zsh_word(word: Word) -> str:
    name = word.name.replace(":", "\\:")
    return _quoted(f"{name}:{word.help}" if word.help else name)


def fish(program: str, nodes: Sequence[Node]) -> str:
    """For ``llmgw completion fish | source``."""
    lines = []
    for node in nodes:
        here = f"complete -c {program} -n {_quoted(f'__{program}_at {_at(node)}')}"
        lines += [f"{here} -f -a {_quoted(word.name)}{_described(word.help)}" for word in (*node.commands, *node.words)]
        for option in node.options:
            names = "".join(f" {'-l' if name.startswith('--') else '-s'} {name.lstrip('-')}" for name in option.names)
            lines.append(f"{here}{names}{_fish_values(option)}{_described(option.help)}")
    cases = " ".join(_quoted(_at(node)) for node in nodes[1:])
    return f"""\
# fish completion for {program}. Have it always: {program} completion fish > ~/.config/fish/completions/{program}.fish
function __{program}_at
    set -l at {program}
    for word in (commandline -opc)[2..-1]
        if contains -- "$at $word" {cases}
            set at "$at $word"
        end
    end
    test "$at" = "$argv"
end
complete -c {program} -f
{chr(10).join(lines)}
"""


def _fish_values(option: Option) -> str:
    if option.kind == FLAG:
        return ""
    if option.kind == CHOICE:
        return f" -x -a {_quoted(' '.join(option.choices))}"
    if option.kind == FOLDER:
        return " -x -a '(__fish_complete_directories)'"
    return " -r -F" if option.kind == FILE else " -x"


def _described(text: str) -> str:
    return f" -d {_quoted(text)}" if text else ""


def _at(node: Node) -> str:
    return " ".join(node.path)


def _paths(nodes: Iterable[Node], between: str) -> str:
    return between.join(f'"{_at(node)}"' for node in nodes if len(node.path) > 1)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """In single quotes, which all three shells leave alone; what help says needs no apostrophe of its own."""
    return "'" + text.replace("\\", "/").replace("'", "’") + "'"
