"""`python -m policies.document` writes RULES.md from the rules' own words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from policies.model import (
    EXEMPT,
    EXEMPT_IN_STACK,
    STALE_EXEMPTION,
    UNSETTLED,
    UNSETTLED_IN_STACK,
    ResourceRule,
    Rule,
)
from policies.rules import RULES

FILE = Path(__file__).parent / "RULES.md"
HEAD = f"""# Rules

Written by `python -m policies.document` from the rules; change them there.

`pulumi preview --policy-pack policies` and `pulumi up --policy-pack policies` evaluate every rule; without the Pulumi
command line, `python -m sandbox check --stack STACK` does. Each theme is also a pack of its own,
`policies/packs/<theme>`. A rule at level *mandatory* stops the deployment, one at *advisory* is told, one at *disabled*
does not run. One at *remediate* puts the inputs right before they go to AWS, if its section below says what it puts in;
where it cannot, it stops the deployment as at *mandatory*.

`config/<stack>.json` sets levels and parameters for a stack of this project, and is read without further ado; for
other projects `POLICIES_CONFIG` names a folder of such files. `all` is the level of every rule that has none of its
own. A file given with `--policy-pack-config` comes on top:

```json
{{"all": "mandatory", "log-retention": {{"maxDays": 30, "enforcementLevel": "remediate"}}, "sqs-dlq": "advisory"}}
```

What must stay as it is for a while is exempt: which rule, on which resources, why, who answers for it, and until when.

```json
{{"exemptions": [{{"rule": "sqs-dlq", "urn": "*::legacy-*", "reason": "goes with the old shop in March",
                  "owner": "team-data", "expires": "2027-03-31"}}]}}
```

A pattern is of the whole URN, which the reports show: `*` is any number of characters, also `::` and `$`, `?` is one,
and `[ab]` one of these. What an exemption covers is told at every run, as advice by `{EXEMPT}` (or
`{EXEMPT_IN_STACK}`). One that has expired or that nothing needs is told by `{STALE_EXEMPTION}`, which a stack may set
to `mandatory`.

What a rule asks may be unknown at preview, before the resource that it comes from exists. Such a question is told as
advice by `{UNSETTLED}` (or `{UNSETTLED_IN_STACK}`, for rules about the whole stack), and the rule
itself answers it during the update. Messages name resources and AWS's own words, never a value that could be secret.

"""


def render() -> str:
    """The text of RULES.md."""
    rows = [f"| [{r.id}](#{r.id}) | {r.theme} | {r.severity} | {r.level} | {r.description} |" for r in RULES]
    table = "\n".join(["| rule | theme | severity | level | what must hold |", "|---|---|---|---|---|", *rows])
    return HEAD + table + "\n" + "".join("\n".join(["", *_section(rule), ""]) for rule in RULES)


def _section(rule: Rule) -> Iterator[str]:
    yield f"## {rule.id}"
    yield ""
    yield rule.description
    yield ""
    yield f"- **Why**: {rule.why}"
    yield f"- **What to do**: {rule.steps}"
    if isinstance(rule, ResourceRule) and rule.remedy:
        yield "- **Level `remediate`**: puts it right in the inputs"
    yield f"- **Unknown values**: {rule.on_unknown}. {rule.unknown}"
    if rule.references:
        yield f"- **Asked elsewhere, too**: {', '.join(rule.references)}"
    if isinstance(rule, ResourceRule):
        yield "- **Judges**: each resource by its inputs, before it is created or changed"
    else:
        yield "- **Judges**: the whole stack, so links between resources count"
    yield f"- **Looks at**: {', '.join(f'`{one}`' for one in sorted(rule.types))}"
    for name, schema in rule.parameters.items():
        yield f"- **Parameter** `{name}` ({schema['type']}, default {schema['default']}): {schema['description']}"


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
