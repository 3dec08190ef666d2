"""`python -m batchctl redrive WORKER --stack S`, `python -m batchctl job submit|wait|cancel|logs|list … --stack S`."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from batchctl import batch_jobs
from batchctl.audit import Audit
from batchctl.letters import DeadLetters, NoQueue
from batchctl.proof import result_is_there
from batchctl.redrive import Wish, redrive
from batchjobs import Refused
from components.problems import ConfigurationError
from components.site import Site
from components.stackfile import NAMESPACE, engine_config

PROJECT = Path(__file__).resolve().parent.parent


def main(command: Sequence[str] | None = None, program: str = "python -m batchctl") -> int:
    """0: done. 1: not all was done; why is on stderr. 2: wrong arguments.

    command: by default, the process's. program: what help calls it.
    """
    arguments = _arguments(command, program)
    try:
        return arguments.command(arguments)
    except (NoQueue, Refused, ConfigurationError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _arguments(command: Sequence[str] | None, program: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=program, description="Operate a stack.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    text = "send a worker's dead letters back to its queue: one first, and the others once it is processed"
    sub = commands.add_parser("redrive", help=text, description=text)
    sub.add_argument("worker")
    sub.add_argument("--stack", default="dev", help="name of the stack")
    sub.add_argument("--reason", default="", metavar="TEXT", help="only those whose reason contains this")
    sub.add_argument("--key", default="*", metavar="PATTERN", help="only those about objects with such a key")
    sub.add_argument("--limit", type=_whole, metavar="N", help="at most so many")
    sub.add_argument("--rate", type=_positive, metavar="N", help="at most so many a second")
    first = sub.add_mutually_exclusive_group()
    first.add_argument(
        "--canary-seconds", type=_positive, default=600, metavar="N", help="how long the first may take (default: 600)"
    )
    first.add_argument("--no-canary", action="store_true", help="send all at once")
    sub.set_defaults(command=_redrive)
    text = "jobs of AWS Batch"
    batch_jobs.add_commands(commands.add_parser("job", help=text, description=text), _job)
    return parser.parse_args(command)


def _job(arguments: argparse.Namespace) -> int:
    session, site = _place(arguments.stack)
    return batch_jobs.run(arguments, session, batch_jobs.names_of(site))


def _redrive(arguments: argparse.Namespace) -> int:
    session, site = _place(arguments.stack)
    sqs, s3, identity = session.client("sqs"), session.client("s3"), session.client("sts").get_caller_identity()
    wish = Wish(
        reason=arguments.reason,
        key=arguments.key,
        limit=arguments.limit,
        rate=arguments.rate,
        canary_seconds=None if arguments.no_canary else arguments.canary_seconds,
    )
    letters = _dead_letters(sqs, site.name(arguments.worker))
    is_done = partial(result_is_there, s3, site.bucket_name("results"), arguments.worker)
    dynamodb: Any = session.resource("dynamodb")
    audit = Audit(dynamodb.Table(site.name("idempotency")), letters.queue, wish, identity["Arn"])
    try:
        outcome = redrive(letters, wish, is_done)
    except BaseException as error:
        audit.ended(None, f"{type(error).__name__}: {error}")
        raise
    print(json.dumps(audit.ended(outcome), indent=1))
    if outcome.stopped:
        print(f"stopped: {outcome.stopped}", file=sys.stderr)
    return 1 if outcome.stopped else 0


def _place(stack: str) -> tuple[boto3.Session, Site]:
    """Where the stack is."""
    # Not the region of the environment: there, the stack may have a namesake.
    session = boto3.Session(region_name=engine_config(PROJECT, stack).get("aws:region"))
    sts = session.client("sts")
    return session, Site(
        NAMESPACE, stack, sts.get_caller_identity()["Account"], sts.meta.region_name, sts.meta.partition
    )


def _dead_letters(sqs: Any, name: str) -> DeadLetters:
    """Of the worker's queue, whichever kind it is."""
    for kind in (name, f"{name}.fifo"):
        try:
            return DeadLetters(sqs, kind)
        except NoQueue:
            continue
    raise NoQueue(
        f"there is no queue {name}, nor {name}.fifo; is the worker's name right, and the stack's? "
        "Jobs of AWS Batch have none: submit them again"
    )


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
