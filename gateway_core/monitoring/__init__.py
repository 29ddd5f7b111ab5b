"""What Prometheus and Grafana need to watch the gateway: a configuration, alert rules, a board."""

from __future__ import annotations

import json
import shlex
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

RULES_FILE, BOARD_FILE, CONFIG_FILE, KEY_FILE = (
    "llmgw-rules.yml",
    "llmgw-board.json",
    "llmgw-prometheus.yml",
    "llmgw.key",
)


def alert_rules() -> str:
    """Alert rules, as a rule file of Prometheus's."""
    return _data("rules.yml")


def board() -> str:
    """A board in Grafana's classic JSON model, which Grafana 8 and later can import; its data source is a variable."""
    return _data("grafana.json")


def prometheus_config(address: str, key_file: Path, rules_file: str = RULES_FILE) -> str:
    """A configuration of Prometheus's that scrapes the gateway at ``address``; a rule file's path is relative to it.

    The read-only token stays in its file: who may read the configuration need not know it.
    """
    target = json.dumps(urlsplit(address).netloc)
    return f"""\
# Prometheus scrapes llmgw. Where there is a configuration already, add the entries of rule_files and scrape_configs.
global:
  scrape_interval: 15s

rule_files:
  - {json.dumps(rules_file)}

scrape_configs:
  - job_name: llmgw
    metrics_path: /metrics
    authorization:
      type: Bearer
      # Prometheus must be able to read it. Where it runs as a user of its own, give it a copy:
      #   sudo install -o prometheus -m 0400 {shlex.quote(str(key_file))} /etc/prometheus/llmgw.key
      credentials_file: {json.dumps(str(key_file))}
    static_configs:
      - targets: [{target}]
"""


def _data(name: str) -> str:
    return files(__name__).joinpath(name).read_text("utf-8")
