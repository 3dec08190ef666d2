"""The pack with every rule: `pulumi preview --policy-pack policies`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    # The SDK puts this folder on the path, not the one above it: the package could not be imported, and its modules
    # would stand before those of other packages.
    sys.path[:] = [str(HERE.parent), *(entry for entry in sys.path if Path(entry).resolve() != HERE)]

    from policies.pack import start
    from policies.rules import RULES

    start("serverless-batch", RULES)


if __name__ == "__main__":  # importing must not start the pack: it never returns
    main()
