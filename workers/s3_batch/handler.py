"""Every object below a prefix → processed once, with what is made of it below another prefix."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from itertools import islice
from typing import Any

from workers.runtime import Context
from workers.s3_batch.bucket import Bucket
from workers.s3_batch.journal import Journal
from workers.s3_batch.ledger import Ledger
from workers.s3_batch.outputs import Outputs
from workers.s3_batch.process import process
from workers.s3_batch.request import read_request
from workers.s3_batch.work import SHOWN, Handling, Work


def handle(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Do what is new or has changed since the last run, and return how much that was; see worker.yaml for `input`.

    An object is done once, and again only if its ETag or size is another. What a run has done stays done when the run
    fails or is killed: the next attempt or run goes on from there, and begins anew only with what was in flight. An
    object that cannot be processed is recorded, and tried again in the next run. Empty objects whose keys end with a
    slash are folders, and passed over.

    BadInput if the destination has been used for another source.
    """
    request = read_request(input)
    source, results = Bucket(context.uploads), Bucket(context.results)
    address = f"s3://{source.name}/{request.source}"
    journal = Journal(
        results,
        request.destination,
        source=address,
        run=context.job_id,
        attempt=context.attempt,
        scratch=context.workdir,
    )
    with closing(Ledger(context.workdir / "ledger.sqlite")) as ledger:
        ledger.list(listed for listed in source.list(request.source) if not listed.is_folder)
        interrupted = journal.load(ledger)
        ledger.forget_gone()
        journal.open()
        outputs = Outputs(results, request.destination, ledger)
        if interrupted:
            ledger.load(outputs.recover(interrupted, context.job_id))
        handling = Handling(source, request.source, process, outputs, context.job_id, context.workdir)
        Work(ledger, journal, handling, context).run()
        counts = ledger.counts(context.job_id)
        result = {
            "source": address,
            "destination": f"s3://{results.name}/{request.destination}",
            "complete": not (counts.left or counts.failed),
            **asdict(counts),
            "manifest": {"bucket": results.name, "key": journal.manifest_key},
            "failures": [{"key": item.key, "reason": reason} for item, reason in islice(ledger.failures(), SHOWN)],
        }
        journal.close(ledger, context.job_id, result)
    return result
