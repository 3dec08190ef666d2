"""Line data below a prefix → rows filtered, grouped and measured; in as many parts as the array has."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import duckdb

from workers.data_processor.aggregate import Counts, Groups
from workers.data_processor.bad_rows import BadRows
from workers.data_processor.bucket import Bucket, Object, fingerprint
from workers.data_processor.division import share_of, source_of
from workers.data_processor.limits import memory, threads
from workers.data_processor.merge import merge
from workers.data_processor.outcome import no_rows, summary
from workers.data_processor.parquets import read_parquet
from workers.data_processor.partial import NAME, PARQUET, Part
from workers.data_processor.request import Request, read_request
from workers.data_processor.texts import read_text
from workers.data_processor.totals import write_totals
from workers.runtime import BadInput, Context


def handle(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Read this part's share, and write `partial.parquet`; the only part writes the totals, too. See worker.yaml for
    `input`; with `merge` in it, make the totals of the partial results of an array.

    Empty cells count as missing: they are in no sum, count, least or greatest value, and make a group of their own.
    Rows are bad if they lack cells, have more than the header that are not empty, are not UTF-8 or not JSON, have no
    plain number where one is needed, or longer texts for the result than request.MAX_KEPT. Whatever
    else is wrong with the input fails this part; what it had read is then in its partial result, marked as failed, as
    it is when bad rows are not to be skipped.

    BadInput if the input names objects or columns that are not there, or objects that are not what they should be.
    MemoryError if the container is too small, as for Parquet with large row groups.
    """
    try:
        return merge(input["merge"], context) if "merge" in input else _part(input, context)
    except duckdb.OutOfMemoryException as error:
        raise MemoryError(f"{memory() // 1024**2:,} MiB of the container's memory are not enough for DuckDB") from error


def _part(input: dict[str, Any], context: Context) -> dict[str, Any]:
    request, bucket = read_request(input), Bucket(context.uploads)
    objects, source = _objects(request, bucket)
    counts, bad, failed, complete = Counts(), BadRows(), "", False
    partial = context.workdir / NAME
    with closing(Groups(request, context.workdir, memory=memory(), threads=threads())) as groups:
        try:
            _read(request, objects, bucket, context, groups, counts, bad)
            complete = True
        except BadInput as error:
            failed = str(error)
        if complete and bad.count and not request.skip:
            failed = bad.text
        part = Part(
            request=request,
            index=context.index,
            size=context.size,
            source=source,
            objects=len(objects),
            fingerprint=fingerprint(objects),
            counts=counts,
            bad=bad,
            failed=failed,
            complete=complete,
        )
        number = groups.write(partial, part.text())
        results = Bucket(context.results)
        with partial.open("rb") as file:
            place = results.put(f"{context.objects.prefix}/{NAME}", file, PARQUET)
        if failed:
            raise BadInput(failed)
        alone = context.size == 1
        if alone and not counts.rows:
            raise no_rows(source)
        totals = write_totals(groups, request, results, context.objects.prefix, context.workdir) if alone else {}
    part_text = {"part": context.index, "parts": context.size}
    return {"source": source, **part_text, **summary(counts, bad), "partial": place, "groups": number, **totals}


def _objects(request: Request, bucket: Bucket) -> tuple[list[Object], str]:
    """And the address of them all. BadInput if there are none."""
    if request.key is not None:
        found = bucket.find(request.key)
        if found is None:
            raise BadInput(f"{bucket.address(request.key)} does not exist")
        return [found], bucket.address(request.key)
    source = bucket.address(request.prefix or "")
    objects = list(bucket.list(request.prefix or ""))
    if not objects:
        raise BadInput(f"there is no object below {source}")
    return objects, source


def _read(
    request: Request,
    objects: list[Object],
    bucket: Bucket,
    context: Context,
    groups: Groups,
    counts: Counts,
    bad: BadRows,
) -> None:
    """Add to groups, counts and bad. BadInput"""
    sources = []
    for found in objects:
        source = source_of(found, request.format)
        if source is None:
            raise BadInput(
                f"{bucket.address(found.key)} ends in none of .csv .tsv .jsonl .ndjson .json .parquet, nor one of the "
                "texts with .gz; give the format"
            )
        sources.append(source)
    for slice in share_of(sources, context.index, context.size, split=request.split):
        read = read_parquet if slice.source.format == "parquet" else read_text
        counts.add(read(slice, request, bucket, groups, context.workdir, bad))
