"""What a gateway without a screen prints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_core.events import KillSwitchChanged
from gateway_core.model import Counted, KillSwitch, Status
from llmgw_tui.headless import kill_line, request_line
from tests.fakes.snapshots import NOW, busy


@pytest.mark.parametrize(
    ("on", "cancelled", "says"),
    [
        (True, 0, "kill switch on, no request was in flight"),
        (True, 1, "kill switch on, 1 request stopped"),
        (True, 2, "kill switch on, 2 requests stopped"),
        (False, 0, "kill switch off: requests pass again"),
    ],
)
def test_what_the_kill_switch_did(on: bool, cancelled: int, says: str) -> None:
    assert kill_line(KillSwitchChanged(NOW, KillSwitch(on, NOW), cancelled)) == says


def test_tokens_that_nobody_counted_are_no_measured_ones() -> None:
    row = replace(busy().requests[5], status=Status.FAILED, error_code="gateway_stopped", input_tokens=18_420)
    cut = replace(row, output_tokens=2_210, output_counted=Counted.CEILING)
    assert "18.4k>≤3k tokens" in request_line(cut) and request_line(cut).endswith("gateway_stopped")
