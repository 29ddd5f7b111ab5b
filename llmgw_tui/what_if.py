"""``llmgw what-if``: what another policy would have cost, from the data folder, whether the gateway runs or not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from gateway_core.clock import SystemClock
from gateway_core.local_values import ModelSpeed
from gateway_core.model import Target, Tier
from gateway_core.ollama.address import root_of
from gateway_core.ollama.address import local_base_url
from gateway_core.providers.pricing import Pricing
from gateway_core.routing.landscape import Capabilities, Landscape, Option
from gateway_core.routing.lineup import LOCAL, Place, Switched, lineup
from gateway_core.settings import Settings
from gateway_core.store.database import Database
from gateway_core.store.days import day_of, days_before
from gateway_core.store.errors import StoreError
from gateway_core.store.local_models import LocalModelStore
from gateway_core.store.operator import Limits, OperatorState, OperatorStore
from gateway_core.whatif.room import replayer_of
from gateway_core.whatif.world import LocalKnown, World, with_local, world_of
from gateway_core.whatif_values import CACHE, Outcome, Policy, policy_of
from llmgw_tui.report import reading
from llmgw_tui.tables import print_table
from llmgw_tui.telling import complain, print_json
from llmgw_tui.text import count, dollars, one_line
from llmgw_tui.what_if_words import cost_words, limit_words, notes, policy_words, share, threshold_words
