"""`python -m policies.check --state export.json`: what the rules say of a stack that is there, of whatever program."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from policies import settings, state
from policies.evaluation import evaluate
from policies.exemptions import Exemptions
from policies.model import AT_UPDATE, STALE_EXEMPTION, Level, OnUnknown
from policies.reports.entries import ADVISORY, MANDATORY, Entry, entries, refused
from policies.reports.formats import add_arguments, deliver
from policies.rules import RULES

HIDDEN = "hidden in the export, so not judged (`pulumi stack export --show-secrets` shows it)"


def main(arguments: list[str] | None = None) -> int:
    """0 if nothing refuses the stack, 1 if something does, 2 if there is nothing to judge."""
    parser = argparse.ArgumentParser(prog="python -m policies.check", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, metavar="FILE", help="of `pulumi stack export`")
    parser.add_argument("--stack", help="whose configuration counts; the export's if it is not given")
    parser.add_argument("--config", type=Path, metavar="FOLDER", help="with <stack>.json: levels, values, exemptions")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    try:
        found = state.read(given.state)
        config = settings.load(given.stack or found.stack, given.config, found.project)
    except (state.Unreadable, settings.ConfigError) as error:
        print(error, file=sys.stderr)
        return 2
    told = entries(Path.cwd(), said(found, config))
    if found.inputs and not any(one.type in rule.types for one in found.inputs for rule in RULES):
        print(f"{given.state}: of {len(found.inputs)} resources there is none that a rule looks at", file=sys.stderr)
    deliver(given.format, given.stack or found.stack or "without resources", told, given.out)
    return 1 if refused(told) else 0


def said(found: state.State, config: settings.StackConfig) -> Iterator[Entry]:
    """What the rules say, at the levels of the configuration; of secrets that the export hides, as advice."""
    exemptions = Exemptions(config.exemptions)
    # A rule that refuses what is unknown asks what a preview can read, and there is none.
    rules = [one for one in RULES if config.level(one) != Level.DISABLED and one.on_unknown != OnUnknown.FAIL]
    for told in evaluate(rules, found.inputs, found.outputs, config.parameters()):
        rule, finding = told.rule.id, told.finding
        exemption = exemptions.of(rule, finding)
        if exemption:
            yield Entry(rule, ADVISORY, finding.urn, finding.message, exemption=exemption.terms)
        elif finding.settled:
            yield Entry(rule, _weight(config.level(told.rule)), finding.urn, finding.message)
        else:
            yield Entry(rule, ADVISORY, finding.urn, finding.message.replace(AT_UPDATE, HIDDEN))
    level = config.level_of_stale_exemptions
    for complaint in exemptions.complaints() if level != Level.DISABLED else ():
        yield Entry(STALE_EXEMPTION, _weight(level), "", complaint)


def _weight(level: Level) -> str:
    """Nothing is put right in what is there already, so `remediate` refuses."""
    return ADVISORY if level == Level.ADVISORY else MANDATORY


if __name__ == "__main__":
    sys.exit(main())
