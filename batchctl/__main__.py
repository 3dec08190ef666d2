"""`python -m batchctl redrive WORKER --stack S`."""

from __future__ import annotations

import argparse
import json
import math
import sys
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from batchctl.audit import Audit
from batchctl.letters import DeadLetters, NoQueue
from batchctl.proof import result_is_there
from batchctl.redrive import Wish, redrive
from components.problems import ConfigurationError
from components.site import Site
from components.stackfile import NAMESPACE, engine_config

PROJECT = Path(__file__).resolve().parent.parent


def main() -> int:
    """0: done. 1: not all was done; why is on stderr. 2: wrong arguments."""
    arguments = _arguments()
    try:
        return arguments.command(arguments)
    except (NoQueue, ConfigurationError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m batchctl", description="Operate a stack.")
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
    return parser.parse_args()


def _redrive(arguments: argparse.Namespace) -> int:
    # Not the region of the environment: there, the stack may have a namesake.
    session = boto3.Session(region_name=engine_config(PROJECT, arguments.stack).get("aws:region"))
    sqs, s3, identity = session.client("sqs"), session.client("s3"), session.client("sts").get_caller_identity()
    site = Site(NAMESPACE, arguments.stack, identity["Account"], sqs.meta.region_name, sqs.meta.partition)
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


def _dead_letters(sqs: Any, name: str) -> DeadLetters:
    """Of the worker's queue, whichever kind it is."""
    for kind in (name, f"{name}.fifo"):
        try:
            return DeadLetters(sqs, kind)
        except NoQueue:
            continue
    raise NoQueue(f"there is no queue {name}, nor {name}.fifo; is the worker's name right, and the stack's?")


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
