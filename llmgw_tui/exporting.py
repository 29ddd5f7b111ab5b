"""``llmgw export``: a kept request as a curl command, a Python script, or JSON."""

from __future__ import annotations

import sys

from gateway_core.settings import Settings
from llmgw_tui.exports.call import NothingKept
from llmgw_tui.exports.exported import export
from llmgw_tui.reach import address_of, asked_gateway
from llmgw_tui.telling import complain


async def run(settings: Settings, request_id: str, form: str) -> int:
    """Prints the export of the running gateway's request; 1 when there is none."""
    async with asked_gateway(settings) as source:
        if source is None:
            return 1
        detail = await source.detail(request_id)
        parts = await source.parts(request_id)
    if detail is None:
        return complain(f"there is no request {request_id}. `llmgw requests` lists those that are kept.")
    try:
        text = export(detail, parts, address_of(settings), form).text
    except NothingKept as error:
        return complain(str(error))
    sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass"))
    return 0
