"""The pack with every rule: `pulumi preview --policy-pack policies`.

This file belongs to the policy SDK, which runs it and reads a port from its output. Nothing else may print.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    # The SDK puts this folder on the path, not the one above it: the package could not be imported, and its modules
    # would stand before those of other packages.
    sys.path[:] = [str(HERE.parent), *(entry for entry in sys.path if Path(entry).resolve() != HERE)]

    from pulumi_policy import EnforcementLevel, PolicyPack

    from policies.adapter import sdk_policies
    from policies.rules import RULES
    from policies.settings import LEVEL, ConfigError, initial_config

    try:
        config = initial_config(os.environ.get("PULUMI_STACK", ""))
    except ConfigError as error:
        sys.exit(str(error))
    PolicyPack(
        name="serverless-batch",
        policies=sdk_policies(RULES),
        initial_config={name: {**entry, LEVEL: EnforcementLevel(entry[LEVEL])} for name, entry in config.items()},
    )


if __name__ == "__main__":  # importing must not start the pack: it never returns
    main()
