"""Makes the objects of the manifest's sources, to try the worker with:

    python -m workers.etl_processor.sample_sources --out DIR [--seed 1] [--late]

The same arguments make the same files: DIR/sources/<name>/…, which belong at the same place in the uploads bucket.
They have what real exports have: other spellings of columns and separators, rows that repeat or cannot be read. One
source is damaged, and one is late: its objects are made with --late alone, and until they are there it cannot be
loaded.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import yaml

LATE, DAMAGED = "sales-trieste", "stock-linz"
PRODUCTS = ("Espresso beans", "Hand grinder", 'Kettle, 1 l, "Nordic"', "Crème caramel syrup", "Чай чёрный")
PAGES = ("/", "/products", "/cart", "/checkout")
BEGIN = datetime(2026, 3, 1)


def write(folder: Path, *, seed: int = 1, late: bool = False) -> list[Path]:
    """Files of all sources but the late one or, with `late`, of that one alone."""
    manifest = yaml.safe_load(Path(__file__).with_name("worker.yaml").read_text(encoding="utf-8"))
    made = []
    for source in manifest["trigger"]["kubernetes"]["sources"]:
        if (source["name"] == LATE) == late:
            name, content = _MAKERS[source["table"]](Random(f"{seed} {source['name']}"))
            made.append(folder / source["prefix"] / name)
            made[-1].parent.mkdir(parents=True, exist_ok=True)
            made[-1].write_bytes(content[: len(content) // 2] if source["name"] == DAMAGED else content)
    return made


def _sales(random: Random) -> tuple[str, bytes]:
    separator = random.choice(",;")
    text = io.StringIO()
    table = csv.writer(text, delimiter=separator, lineterminator="\n")
    names = ("sale_id", "sold_at", "product", "quantity", "unit_price", "returned", "till")
    spelling: Callable[[str], str] = random.choice([str, str.upper, lambda name: name.replace("_", " ").title()])
    table.writerow([spelling(name) for name in names])
    rows = []
    for number in range(random.randrange(200, 2000)):
        at = BEGIN + timedelta(seconds=random.randrange(86_400))
        price, till = f"{random.randrange(100, 9000) / 100:.2f}", random.randrange(9)
        quantity: object = "two" if random.random() < 0.0005 else random.randrange(1, 6)
        rows.append(
            [f"s{number:05}", at, random.choice(PRODUCTS), quantity, price, random.choice(["true", "false", ""]), till]
        )
        if random.random() < 0.01:
            rows.append(rows[-1])
    table.writerows(rows)
    return "2026-03-01.csv", text.getvalue().encode()


def _visits(random: Random) -> tuple[str, bytes]:
    lines = []
    for number in range(random.randrange(200, 3000)):
        at = BEGIN + timedelta(seconds=random.randrange(86_400))
        visit: Mapping[str, Any] = {
            "visitId": f"v{number:06}",
            "beganAt": f"{at.isoformat()}+01:00",
            "page": random.choice(PAGES),
            "seconds": round(random.expovariate(1 / 40), 3),
            "items": random.choice([None, 1, 2, 3]),
        }
        line = json.dumps(visit)
        lines.append(line[:-9] if random.random() < 0.0005 else line)
    return "visits.jsonl.gz", gzip.compress("\n".join(lines).encode(), mtime=0)


def _stock(random: Random) -> tuple[str, bytes]:
    count, offset = random.randrange(200, 2000), random.randrange(1000)
    with TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as database:
        path = Path(folder, "stock.parquet")
        database.execute(
            f"COPY (SELECT 'sku-' || i AS \"SKU\", DATE '2026-03-01' AS counted_on, (i * 7919) % 500 AS on_hand, "
            f"'shelf ' || i % 40 AS shelf FROM range({offset}, {offset + count}) numbers(i)) "
            f"TO '{path}' (FORMAT parquet)"
        )
        return path.name, path.read_bytes()


_MAKERS = {"sales": _sales, "visits": _visits, "stock": _stock}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--late", action="store_true", help=f"the objects of {LATE}")
    given = parser.parse_args()
    made = write(given.out, seed=given.seed, late=given.late)
    print(f"{len(made)} files below {given.out}")


if __name__ == "__main__":
    main()
