"""The rules of the theme spot: `pulumi preview --policy-pack policies/packs/spot`."""

import sys
from pathlib import Path


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # where the package is that has the rules

    from policies.pack import start
    from policies.rules import of_theme

    start("serverless-batch-spot", of_theme("spot"))


if __name__ == "__main__":  # importing must not start the pack: it never returns
    main()
