"""Groups → the final result, as CSV, JSON lines and Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

from workers.data_processor.aggregate import DECIMAL, Groups
from workers.data_processor.bucket import Bucket
from workers.data_processor.partial import PARQUET
from workers.data_processor.request import Measure, Request
from workers.runtime.objects import Location

ROWS = 2000  # that are fetched at a time
SHOWN = 100  # in the job's result
PLACES = Decimal("1E-10")  # of an average, which is rounded to the nearest, half to even
_PRECISE = Context(prec=60)
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson", "parquet": PARQUET}


def write_totals(groups: Groups, request: Request, bucket: Bucket, prefix: str, folder: Path) -> dict[str, Any]:
    """Write `<prefix>/totals.csv` and so on, in order of the groups. Returns how many groups, and the first ones."""
    groups.fold()
    names = [*request.group_by, *(measure.name for measure in request.measures)]
    paths = {kind: folder / f"totals.{kind}" for kind in TYPES}
    count, shown = 0, []
    with (
        paths["csv"].open("w", encoding="utf-8", newline="") as table,
        paths["jsonl"].open("w", encoding="utf-8") as lines,
    ):
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(names)
        keys = [_ENCODE(name) for name in names]
        for row in _rows(groups, request):
            writer.writerow(["" if cell is None else _plain(cell) for cell in row])
            lines.write(_json(keys, row) + "\n")
            if count < SHOWN:
                shown.append({name: _shown(cell) for name, cell in zip(names, row, strict=True)})
            count += 1
    _write_parquet(groups, request, names, paths)
    files: dict[str, Location] = {}
    for kind, path in paths.items():
        with path.open("rb") as file:
            files[kind] = bucket.put(f"{prefix}/totals.{kind}", file, TYPES[kind])
        path.unlink()
    return {"groups": count, "totals": shown, "files": files}


def _rows(groups: Groups, request: Request) -> Iterator[list[Any]]:
    """Of each group its values, then its measures: int, Decimal, str or None."""
    names = [*groups.keys, "rows", *(tally.name for tally in groups.tallies)]
    places = {column: number for number, column in enumerate(request.columns)}
    order = f"ORDER BY {', '.join(f'{key} NULLS FIRST' for key in groups.keys)}" if groups.keys else ""
    found = groups.database.cursor().execute(f"SELECT {', '.join(names)} FROM groups {order}")
    while rows := found.fetchmany(ROWS):
        for row in rows:
            tallies = dict(zip(names, row, strict=True))
            yield [*(tallies[key] for key in groups.keys), *(_value(one, places, tallies) for one in request.measures)]


def _value(measure: Measure, places: dict[str, int], tallies: dict[str, Any]) -> Any:
    if measure.column is None:
        return tallies["rows"]
    place = places[measure.column]
    match measure.op:
        case "count":
            return tallies[f"n{place}"]
        case "average":
            count = tallies[f"n{place}"]
            return (
                _PRECISE.divide(tallies[f"s{place}"], Decimal(count)).quantize(PLACES, context=_PRECISE)
                if count
                else None
            )
        case "sum":
            return tallies[f"s{place}"]
        case _:
            return tallies[f"{'t' if measure.text else ''}{'lo' if measure.op == 'min' else 'hi'}{place}"]


def _write_parquet(groups: Groups, request: Request, names: list[str], paths: dict[str, Path]) -> None:
    """From the CSV file, so that both hold the same."""
    types = ["VARCHAR"] * len(request.group_by)
    types += ["BIGINT" if one.op == "count" else "VARCHAR" if one.text else DECIMAL for one in request.measures]
    structure = ", ".join(f"'c{number}': '{type}'" for number, type in enumerate(types))
    selected = ", ".join(f'c{number} AS "{name.replace(chr(34), chr(34) * 2)}"' for number, name in enumerate(names))
    target = str(paths["parquet"]).replace("'", "''")
    groups.database.execute(
        f"COPY (SELECT {selected} FROM read_csv($path, auto_detect = false, header = true, delim = ',', quote = '\"', "
        f"escape = '\"', new_line = '\\n', columns = {{{structure}}})) "
        f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)",
        {"path": str(paths["csv"])},
    )


def _plain(cell: Any) -> str:
    """In digits, without an exponent, or zeros at the end of a fraction."""
    if not isinstance(cell, Decimal):
        return str(cell)
    text = format(cell, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _shown(cell: Any) -> Any:
    """A decimal as text, which keeps all of its digits."""
    return _plain(cell) if isinstance(cell, Decimal) else cell


def _json(keys: list[str], row: list[Any]) -> str:
    """An object; keys: as JSON. A decimal is a JSON number with all of its digits."""
    cells = (_plain(cell) if isinstance(cell, Decimal) else _ENCODE(cell) for cell in row)
    return "{" + ", ".join(f"{key}: {cell}" for key, cell in zip(keys, cells, strict=True)) + "}"
