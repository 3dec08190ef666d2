"""Makes orders to try the report with: python -m workers.sales_report.sample_orders --days 30 --seed 1 --out DIR

The same arguments make the same files: DIR/orders/<date>.csv, one for each day, in UTC. With --flaws they have what
real exports have: rows that repeat, contradict each other or are broken, a second currency, names in other scripts.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from workers.sales_report.orders import COLUMNS

ORDERS = 240  # on an ordinary day
PRODUCTS = {
    "Espresso beans, 1 kg": "18.90", "Filter coffee, 500 g": "9.50", "Crème caramel syrup": "6.75",
    "Hand grinder": "79.00", "Pour-over kettle": "54.90", "Paper filters, 100": "4.20", "Milk frother": "32.50",
    "Double-walled glass, 2": "21.00", "Moka pot": "38.00", "Descaler": "7.80", "Travel mug": "24.90",
    "Tasting set, 6 × 100 g": "29.90", "Cold brew bottle": "27.50", "Barista apron": "42.00",
}  # fmt: skip
FOREIGN = {"Чай чёрный, 200 г": "8.40", "Ελληνικός καφές": "7.20", "抹茶 100g": "22.00"}
REGIONS = {"North": 30, "South": 26, "West": 22, "East": 14, "Abroad": 8}
STATUSES = {"completed": 93, "refunded": 4, "cancelled": 2, "pending": 1}
HOURS = [1, 1, 0.5, 0.5, 0.5, 1, 3, 6, 9, 11, 12, 12, 11, 10, 9, 9, 10, 12, 15, 17, 16, 12, 7, 3]  # weight of each


def day_of_orders(day: date, seed: int, *, flaws: bool = False) -> Iterator[list[str]]:
    """Rows of a day, in the order of COLUMNS. A day's are the same whatever other days are made."""
    random = Random(f"{seed} {day}")
    prices = PRODUCTS | FOREIGN if flaws else PRODUCTS
    weekend = 1.35 if day.weekday() >= 5 else 1.0
    number = int(ORDERS * weekend * random.uniform(0.85, 1.15) * (1 + 0.002 * (day.toordinal() % 365)))
    popular = [1 / (rank + 1.5) for rank in range(len(prices))]
    rows = []
    for index in range(number):
        hour = random.choices(range(24), HOURS)[0]
        at = datetime(day.year, day.month, day.day, hour, random.randrange(60), random.randrange(60), tzinfo=UTC)
        product = random.choices(list(prices), popular)[0]
        rows.append(
            [
                f"{day:%Y%m%d}-{index:05}",
                at.isoformat(),
                product,
                random.choices(list(REGIONS), list(REGIONS.values()))[0],
                str(random.choices([1, 2, 3, 6], [70, 20, 7, 3])[0]),
                str(Decimal(prices[product])),
                "USD" if flaws and random.random() < 0.06 else "EUR",
                random.choices(list(STATUSES), list(STATUSES.values()))[0],
            ]
        )
    rows.sort(key=lambda row: row[1])
    if flaws:
        rows.append(rows[3])
        rows.append([*rows[5][:5], "0.01", *rows[5][6:]])
        rows.append([f"{day:%Y%m%d}-90001", *rows[7][1:4], "two", *rows[7][5:]])
        rows.append([f"{day:%Y%m%d}-90002", *rows[8][1:6], "Euro", rows[8][7]])
    yield from rows


def write(folder: Path, days: int, seed: int, last: date, *, flaws: bool = False) -> list[Path]:
    """Files of so many days up to `last`."""
    (folder / "orders").mkdir(parents=True, exist_ok=True)
    paths = []
    for ago in reversed(range(days)):
        day = last - timedelta(days=ago)
        path = folder / "orders" / f"{day}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)
            table.writerows(day_of_orders(day, seed, flaws=flaws))
        paths.append(path)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes orders to try the sales report with.")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--last", type=date.fromisoformat, default=datetime.now(UTC).date() - timedelta(days=1),
                        help="the last day, such as 2025-11-02; yesterday if it is left out")  # fmt: skip
    parser.add_argument("--flaws", action="store_true", help="with what real exports have")
    parser.add_argument("--out", type=Path, required=True, help="folder; the files come below orders/ in it")
    given = parser.parse_args()
    paths = write(given.out, given.days, given.seed, given.last, flaws=given.flaws)
    print(f"{len(paths)} files in {given.out / 'orders'}")


if __name__ == "__main__":
    main()
