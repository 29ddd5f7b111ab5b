"""A kept request as a curl command for a POSIX shell."""

from __future__ import annotations

import shlex

from llmgw_tui.exports.call import SECRET, Call
from llmgw_tui.exports.json_text import json_text

_END = "LLMGW_BODY"
"""No line of JSON can be this word: a quoted heredoc ends here and nowhere else."""


def as_curl(call: Call, body_file: str = "") -> str:
    """The command, with the body behind it; with ``body_file`` curl reads it from there, beside the script.

    ``$GATEWAY_SECRET`` is the key, ``$GATEWAY_URL`` another address.
    """
    lines = [f"# {call.request_id}: {note}" for note in call.notes]
    source = f"@{body_file}" if body_file else "@-"
    arguments = [
        f'curl -sS -N "${{GATEWAY_URL:-{call.address}}}"{call.path}',
        f'-H "Authorization: Bearer ${SECRET}"',
        "-H 'Content-Type: application/json'",
        *(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in call.headers),
        f"--data-binary {shlex.quote(source)}",
    ]
    command = " \\\n  ".join(arguments)
    if body_file:
        return "\n".join([*lines, 'cd "$(dirname "$0")" || exit', command, ""])
    return "\n".join([*lines, f"{command} <<'{_END}'", json_text(call.body), _END, ""])
