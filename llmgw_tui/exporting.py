"""``llmgw export``: a kept request as a curl command, a Python script, or JSON."""

from __future__ import annotations

import sys

from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from llmgw_tui.exports.call import NothingKept
from llmgw_tui.exports.exported import export
from llmgw_tui.reach import address_of, gateway_answers
from llmgw_tui.source_http import HttpSource
from llmgw_tui.text import one_line


async def run(settings: Settings, request_id: str, form: str) -> int:
    """Prints the export of the running gateway's request; 1 when there is none."""
    if not await gateway_answers(settings):
        says = "start one with `llmgw` or `llmgw serve`, or name another with --host and --port"
        print(f"llmgw: no gateway answers at {address_of(settings)}: {says}.", file=sys.stderr)
        return 1
    source = HttpSource(address_of(settings), gateway_secret(settings, create=False) or "")
    source.open()
    try:
        detail = await source.detail(request_id)
        parts = await source.parts(request_id)
    finally:
        await source.close()
    if detail is None:
        print(f"llmgw: there is no request {one_line(request_id)}, or the gateway's key is not known.", file=sys.stderr)
        return 1
    try:
        text = export(detail, parts, address_of(settings), form).text
    except NothingKept as error:
        print(f"llmgw: {error}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass"))
    return 0
