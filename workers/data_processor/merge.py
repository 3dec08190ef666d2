"""The partial results of an array job → one result."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from workers.data_processor.aggregate import Counts, Groups
from workers.data_processor.bad_rows import BadRows
from workers.data_processor.bucket import Bucket, Object
from workers.data_processor.limits import memory, threads
from workers.data_processor.outcome import no_rows, summary
from workers.data_processor.partial import NAME, Part, part_of
from workers.data_processor.request import OWN
from workers.data_processor.totals import write_totals
from workers.runtime import BadInput, Context

SHOWN = 10  # numbers of parts in a message


def merge(asked: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Write the totals of the job whose results lie below `asked["prefix"]`.

    BadInput if this is an array itself; if a part is missing, belongs to another request or to other versions of the
    objects, or has failed; one that has failed for its bad rows alone is taken if `asked` says to skip these.
    """
    if context.size > 1:
        raise BadInput(
            f"a merge is one job, and this is one of {context.size:,} parts of an array: submit it with --array 1"
        )
    prefix = asked["prefix"].rstrip("/") + "/"
    if not prefix.startswith(OWN) or prefix == OWN:
        raise BadInput(f"merge.prefix {asked['prefix']!r} must be where a job has written: {OWN}<its key>/")
    bucket, path = Bucket(context.results), context.workdir / NAME
    found = [one for one in bucket.list(prefix) if one.key.endswith(f"/{NAME}")]
    if not found:
        raise BadInput(f"there is no partial result below {bucket.address(prefix)}")
    first = _fetch(bucket, found[0], path)
    counts, bad, seen = Counts(), BadRows(), set[int]()
    with closing(Groups(first.request, context.workdir, memory=memory(), threads=threads())) as groups:
        for one in found:
            part = _fetch(bucket, one, path)
            _check(part, first, seen, bucket.address(one.key), skip=asked.get("on_bad_rows") == "skip")
            groups.add_partial(path)
            counts.add(part.counts)
            bad.add(part.bad.count, iter(part.bad.places))
        path.unlink()
        if missing := sorted(set(range(first.size)) - seen):
            named = ", ".join(map(str, missing[:SHOWN])) + (" …" if len(missing) > SHOWN else "")
            raise BadInput(
                f"{len(missing)} of {first.size} parts have no result below {bucket.address(prefix)}: {named}"
            )
        if not counts.rows:
            raise no_rows(first.source)
        totals = write_totals(groups, first.request, bucket, context.objects.prefix, context.workdir)
    return {"source": first.source, "parts": first.size, **summary(counts, bad), **totals}


def _fetch(bucket: Bucket, found: Object, path: Path) -> Part:
    bucket.copy(found, path)
    with duckdb.connect(config={"threads": 1}) as database:
        return part_of(path, database)


def _check(part: Part, first: Part, seen: set[int], address: str, *, skip: bool) -> None:
    """`BadInput`"""
    if part.request != first.request or part.size != first.size or part.source != first.source:
        raise BadInput(f"{address} is of another job than part {first.index}")
    if part.fingerprint != first.fingerprint:
        raise BadInput(
            f"objects of {part.source} were written or deleted while the parts were read: parts {first.index} and "
            f"{part.index} have found different ones. Submit the job again"
        )
    if part.index in seen:
        raise BadInput(f"{address} is a second result of part {part.index}")
    if not part.complete:
        raise BadInput(f"part {part.index} has failed: {part.failed}")
    if part.failed and not skip:
        raise BadInput(f"part {part.index} has failed: {part.failed}. Merge with on_bad_rows: skip to leave them out")
    seen.add(part.index)
