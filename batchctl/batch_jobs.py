"""`python -m batchctl job submit|wait|cancel|logs|list`: jobs of AWS Batch."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import yaml

from batchjobs import Jobs, Names, Progress, Refused, Submitted, clients, read_set
from components.site import Site

UNDER_WAY = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
STATUSES = (*UNDER_WAY, "SUCCEEDED", "FAILED")


def add_commands(parser: argparse.ArgumentParser, command: Callable[[argparse.Namespace], int]) -> None:
    """command: gets the arguments, of which `run` is for `run()`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_submit, _add_wait, _add_cancel, _add_logs, _add_list):
        sub = add(commands)
        sub.add_argument("--stack", default="dev", help="name of the stack")
        sub.set_defaults(command=command)


def names_of(site: Site) -> Names:
    return Names(site.name("").rstrip("-"), site.name("idempotency"))


def run(arguments: argparse.Namespace, session: boto3.Session, names: Names) -> int:
    """0: done; 1: a job that was waited for failed. `Refused`"""
    return arguments.run(Jobs(clients(session), names), arguments)


def _add_submit(commands: Any) -> argparse.ArgumentParser:
    text = "submit a job, or a set of jobs of which some wait for others"
    sub = commands.add_parser("submit", help=text, description=text)
    sub.add_argument("worker", nargs="?")
    sub.add_argument("--input", metavar="JSON", help="what the worker gets; @FILE for the content of a file")
    sub.add_argument("--key", help="the same key is the same job, however often it is submitted")
    sub.add_argument("--array", type=int, metavar="N", help="in so many parts, at most 10,000 (default: the worker's)")
    sub.add_argument("--after", action="append", default=[], metavar="JOB", help="once this one has succeeded")
    sub.add_argument("--after-each", metavar="JOB", help="each part once the same part of this array has succeeded")
    sub.add_argument("--sequential", action="store_true", help="each part of the array once the one before has")
    sub.add_argument("--queue", help="another queue than the worker's")
    sub.add_argument("--share", help="share identifier, for a queue with shares")
    sub.add_argument("--size", type=int, metavar="BYTES", help="of the input, if it is not to be looked up")
    text = "a file, or a folder of files, to put into the worker's uploads before: a key is its name or path below that"
    sub.add_argument("--upload", type=Path, metavar="PATH", help=text)
    sub.add_argument("--set", type=Path, metavar="FILE", help="a map of jobs by name, as YAML or JSON")
    sub.add_argument("--wait", action="store_true", help="and wait until they have ended")
    _add_out(sub)
    sub.set_defaults(run=_submit)
    return sub


def _add_wait(commands: Any) -> argparse.ArgumentParser:
    text = "wait for jobs to end, and for those that take their places"
    sub = commands.add_parser("wait", help=text, description=text)
    sub.add_argument("jobs", nargs="+", metavar="JOB")
    sub.add_argument("--patience", type=float, metavar="SECONDS", help="how long, for each (default: for ever)")
    _add_out(sub)
    sub.set_defaults(run=lambda jobs, arguments: _wait(jobs, arguments.jobs, arguments.patience, arguments.out))
    return sub


def _add_out(parser: argparse.ArgumentParser) -> None:
    text = "write what they have written to files below this folder, once they have succeeded"
    parser.add_argument("--out", type=Path, metavar="DIR", help=text)


def _add_cancel(commands: Any) -> argparse.ArgumentParser:
    text = "end jobs, in whatever state they are"
    sub = commands.add_parser("cancel", help=text, description=text)
    sub.add_argument("jobs", nargs="+", metavar="JOB")
    sub.add_argument("--reason", default="cancelled by the operator")
    sub.set_defaults(run=_cancel)
    return sub


def _add_logs(commands: Any) -> argparse.ArgumentParser:
    text = "what a job has written to its log"
    sub = commands.add_parser("logs", help=text, description=text)
    sub.add_argument("job", metavar="JOB")
    sub.add_argument("--index", type=int, metavar="N", help="which part of an array")
    sub.add_argument("--attempt", type=int, metavar="N", help="which attempt (default: the last)")
    sub.set_defaults(run=_logs)
    return sub


def _add_list(commands: Any) -> argparse.ArgumentParser:
    text = "list jobs, the newest first"
    sub = commands.add_parser("list", help=text, description=text)
    sub.add_argument("--worker")
    sub.add_argument("--queue")
    sub.add_argument(
        "--status", action="append", choices=STATUSES, help="in this state, or in one of several (default: not ended)"
    )
    sub.set_defaults(run=_list)
    return sub


def _submit(jobs: Jobs, arguments: argparse.Namespace) -> int:
    if arguments.out and not arguments.wait:
        raise Refused("--out goes with --wait.")
    if arguments.set:
        submitted = _submit_set(jobs, arguments)
    else:
        if not arguments.worker or arguments.input is None:
            raise Refused("Name a worker and its --input, or a --set of jobs.")
        if arguments.upload:
            jobs.upload(arguments.worker, arguments.upload)
        fields = ("key", "array", "after", "after_each", "sequential", "queue", "share", "size")
        more = {field: getattr(arguments, field) for field in fields}
        submitted = {"": jobs.submit(arguments.worker, _input(arguments.input), **more)}
    for name, one in submitted.items():
        _tell(name, one)
    if not arguments.wait:
        return 0
    return _wait(jobs, [one.job_id for one in submitted.values()], None, arguments.out)


def _submit_set(jobs: Jobs, arguments: argparse.Namespace) -> dict[str, Submitted]:
    given = ("worker", "input", "array", "after_each", "queue", "share", "size", "upload")
    if arguments.after or arguments.sequential or any(getattr(arguments, name) is not None for name in given):
        raise Refused("With --set, everything about a job stands in the file; only --key and --wait go with it.")
    try:
        document = yaml.safe_load(_read(arguments.set))
    except yaml.YAMLError as error:
        raise Refused(f"{arguments.set} cannot be read: {error}") from error
    return jobs.submit_set(read_set(document, arguments.key))


def _input(text: str) -> dict[str, Any]:
    try:
        found = json.loads(_read(Path(text[1:])) if text.startswith("@") else text)
    except ValueError as error:
        raise Refused(f"The input is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise Refused('The input is no JSON object, as {"key": "…"} is.')
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read: {error}.") from error


def _tell(name: str, one: Submitted) -> None:
    array = f" in {one.size:,} parts" if one.size > 1 else ""
    told = "had been submitted before" if one.repeated else one.reason
    print(f"{f'{name}: ' if name else ''}{one.job_id} {one.worker}{array}; {told}")


def _wait(jobs: Jobs, job_ids: Sequence[str], patience: float | None, out: Path | None) -> int:
    try:
        return _wait_for(jobs, job_ids, patience, out)
    except KeyboardInterrupt:
        print("\nNobody waits any more; the jobs go on. To end them: job cancel", *job_ids)
        raise


def _wait_for(jobs: Jobs, job_ids: Sequence[str], patience: float | None, out: Path | None) -> int:
    good = True
    for job_id in job_ids:
        line = _Line(job_id)
        progress = jobs.wait(job_id, line.show, patience)
        line.end()
        if progress.status == "SUCCEEDED":
            print(f"  results: {progress.results}" if progress.results else "")
            for path in jobs.fetch(job_id, out) if out else ():
                print(f"  {path}")
        elif progress.status == "FAILED":
            print(f"  {jobs.why(job_id)}")
        else:
            print(f"  not done after {patience:g} seconds")
        good = good and progress.status == "SUCCEEDED"
    return 0 if good else 1


class _Line:
    """A job's progress: on a terminal one line that changes, elsewhere a line for each change."""

    def __init__(self, job_id: str):
        self._job_id, self._shown, self._terminal = job_id, "", sys.stdout.isatty()

    def show(self, progress: Progress) -> None:
        if progress.text == self._shown:
            return
        self._shown = progress.text
        text = f"{self._job_id} {progress.text}"
        print(f"\r\x1b[K{text}" if self._terminal else text, end="" if self._terminal else "\n", flush=True)

    def end(self) -> None:
        if self._terminal:
            print()


def _cancel(jobs: Jobs, arguments: argparse.Namespace) -> int:
    for job_id in arguments.jobs:
        ended = jobs.cancel(job_id, arguments.reason)
        print(f"{job_id}: {'cancelled' if ended else 'had ended'}")
    return 0


def _logs(jobs: Jobs, arguments: argparse.Namespace) -> int:
    empty = True
    for line in jobs.logs(arguments.job, arguments.index, arguments.attempt):
        print(line)
        empty = False
    if empty:
        print("It has written nothing to its log.", file=sys.stderr)
    return 0


def _list(jobs: Jobs, arguments: argparse.Namespace) -> int:
    found = jobs.list(arguments.status or UNDER_WAY, arguments.worker, arguments.queue)
    if not found:
        print(
            "There are none." if arguments.status else "None is under way; --status SUCCEEDED, or FAILED, lists others."
        )
        return 0
    rows = [("JOB", "NAME", "QUEUE", "STATUS", "CREATED", "PARTS", "REASON")]
    for job in found:
        created = dt.datetime.fromtimestamp(job.created_at, dt.UTC)
        parts = str(job.parts) if job.parts else ""
        rows.append((job.job_id, job.name, job.queue, job.status, f"{created:%Y-%m-%d %H:%M:%SZ}", parts, job.reason))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0
