"""Policies as they are typed and asked over HTTP."""

from __future__ import annotations

import pytest

from gateway_core.model import Tier
from gateway_core.whatif_values import Policy, policy_of, query_of


@pytest.mark.parametrize(
    ("asked", "policy"),
    [
        ({}, Policy()),
        ({"days": "7", "premium_share": "12.5"}, Policy(7, 0.125)),
        ({"local_model": "qwen3:8b"}, Policy(local_model="qwen3:8b")),
        ({"local_model": "hf.co/a@b/c:q4@8192"}, Policy(local_model="hf.co/a@b/c:q4", local_context_tokens=8192)),
        ({"all": "premium", "cache": "off"}, Policy(all_to=Tier.PREMIUM, answer_cache=False)),
        ({"prompt_cache": "off", "cache": "on"}, Policy(prompt_cache=False)),
    ],
)
def test_a_policy_is_read_and_told_again(asked: dict[str, str], policy: Policy) -> None:
    assert policy_of(asked) == policy
    assert policy_of(query_of(policy)) == policy
    assert policy.changes is (policy != Policy(days=policy.days))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"days": "0"}, "days is a whole number from 1 to 400"),
        ({"days": "401"}, "days is"),
        ({"days": "9" * 5_000}, "days is"),
        ({"days": "٣"}, "days is"),
        ({"days": "0000000019999"}, "days is"),
        ({"premium_share": "101"}, "premium_share is a percentage from 0 to 100"),
        ({"premium_share": "nan"}, "premium_share is"),
        ({"premium_share": "half"}, "premium_share is"),
        ({"local_model": "qwen@"}, "local_model is NAME or NAME@TOKENS"),
        ({"local_model": "@8192"}, "local_model is"),
        ({"local_model": "qwen@0"}, "local_model is"),
        ({"local_model": "qwen@0000000019999999999999999999"}, "local_model is"),
        ({"all": "cloud"}, "all is one of local, cheap, premium"),
        ({"cache": "maybe"}, "cache is on or off"),
        ({"prompt_cache": ""}, "prompt_cache is on or off"),
        ({"all": "local", "premium_share": "3"}, "give one of them"),
        ({"mood": "good"}, "mood is not known here: a policy has days, premium_share"),
    ],
)
def test_what_is_no_policy_is_told_what_would_be_one(asked: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        policy_of(asked)
