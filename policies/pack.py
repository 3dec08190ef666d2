"""Starts a pack: the policy SDK runs its `__main__`, and reads a port from the output. Nothing else may print."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from pulumi_policy import EnforcementLevel, PolicyPack

from policies.adapter import sdk_policies
from policies.exemptions import Exemptions
from policies.model import Rule
from policies.settings import LEVEL, ConfigError, initial_config, load


def start(name: str, rules: Iterable[Rule]) -> None:
    """Serve the rules as the pack `name`, with the configuration of the stack at hand. Never returns."""
    rules = tuple(rules)
    try:
        config = load(os.environ.get("PULUMI_STACK", ""), project=os.environ.get("PULUMI_PROJECT"))
    except ConfigError as error:
        sys.exit(str(error))
    ids = {rule.id for rule in rules}
    exemptions = Exemptions(one for one in config.exemptions if one.rule in ids)
    PolicyPack(
        name=name,
        policies=sdk_policies(rules, exemptions),
        initial_config={
            policy: {**entry, LEVEL: EnforcementLevel(entry[LEVEL])}
            for policy, entry in initial_config(config, rules).items()
        },
    )
