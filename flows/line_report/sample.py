"""Data to try the workflow with: python -m flows.line_report.sample DIR

Files to upload, each with its path below DIR as its key; the workflow's example of an input fits them.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from workers.sales_report.sample_orders import write

DAYS, SEED, LAST = 4, 1, date(2026, 2, 28)
PLACE = "line_report"  # apart from the orders of other workers, in their folder `orders`


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes data to try the workflow with.")
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder / PLACE, DAYS, SEED, LAST)


if __name__ == "__main__":
    main()
