"""The demo: a gateway at work without Ollama, keys or money. Its upstreams and its traffic are made up, and say so."""

from gateway_core.demo.environment import demo_environment
from gateway_core.demo.labels import judge_some
from gateway_core.demo.traffic import Tally, play

__all__ = ["Tally", "demo_environment", "judge_some", "play"]
