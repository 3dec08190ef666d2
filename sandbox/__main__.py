"""`python -m sandbox up|demo|check|resources|upload|run|job|workflow|status|chaos --stack S`."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import signal
import sys
from pathlib import Path

from components.problems import ConfigurationError
from policies.settings import ConfigError
from sandbox.program import ProgramError

PROJECT = Path(__file__).resolve().parent.parent


def main() -> int:
    """0: as wished. 1: refused, or something did not succeed. 2: wrong arguments."""
    arguments = _arguments()
    sys.path.insert(0, str(PROJECT))
    for number in (signal.SIGTERM, signal.SIGHUP):  # like Ctrl-C: what has been started must be ended
        signal.signal(number, signal.default_int_handler)
    try:
        return arguments.command(arguments)
    except (ConfigurationError, ConfigError, ProgramError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Any stack, on this machine, without AWS.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("up", _up, "deploy the stack here and serve it until Ctrl-C"),
        ("demo", _demo, "deploy the stack here, run a job for each sample file, show what happened"),
        ("check", _check, "run the program and the policies, nothing else"),
        ("resources", _resources, "list every resource that the program registers"),
        ("status", _status, "services, queues, jobs and alarms of a stack that is up here"),
    ):
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--stack", default="dev", help="name of the stack; its file is Pulumi.<stack>.yaml")
        if name == "resources":
            sub.add_argument("--json", action="store_true", help="one array of {urn, type, inputs, options}")
        sub.set_defaults(command=command)
    text = "send files to a queue worker of a stack that is up here, and see what becomes of them"
    sub = commands.add_parser("upload", help=text, description=text)
    sub.add_argument("worker")
    sub.add_argument("files", nargs="+", type=Path, metavar="FILE")
    sub.add_argument("--patience", type=float, default=120, metavar="SECONDS", help="how long to wait (default: 120)")
    sub.add_argument("--stack", default="dev")
    sub.set_defaults(command=_upload)
    text = "run a worker with a schedule or in Kubernetes, of a stack that is up here, and see what becomes of it"
    sub = commands.add_parser("run", help=text, description=text)
    sub.add_argument("worker")
    sub.add_argument("--at", type=_instant, metavar="TIME", help="as if it were due then, by the clock of its zone "
                     "(ISO 8601, such as 2026-10-25T06:00; default: now)")  # fmt: skip
    sub.add_argument("--uploads", type=Path, metavar="FOLDER", help="upload its files first, under their paths in it")
    sub.add_argument("--out", type=Path, metavar="FOLDER", help="copy what the run has written to there")
    sub.add_argument("--patience", type=float, default=600, metavar="SECONDS", help="how long to wait (default: 600)")
    sub.add_argument("--stack", default="dev")
    sub.set_defaults(command=_run)
    text = "jobs of AWS Batch in a stack that is up here; see `python -m batchctl job --help`"
    sub = commands.add_parser("job", help=text, description=text, add_help=False)
    sub.add_argument("rest", nargs=argparse.REMAINDER)
    sub.set_defaults(command=_job)
    text = "run a workflow of a stack that is up here, and see each of its states begin and end"
    sub = commands.add_parser("workflow", help=text, description=text)
    sub.add_argument("workflow")
    sub.add_argument("--input", metavar="JSON", help="default: the workflow's example, with data that fits it")
    sub.add_argument("--out", type=Path, metavar="FOLDER", help="copy what its stages have written to there")
    sub.add_argument("--stack", default="dev")
    sub.set_defaults(command=_workflow)
    text = "faults for a stack that is up here"
    chaos = commands.add_parser("chaos", help=text, description=text)
    _add_faults(chaos)
    chaos.set_defaults(command=_chaos)
    arguments, options = parser.parse_known_args()
    if arguments.command is _job:
        arguments.rest[:0] = options  # what stands before its first word; argparse takes them for its own
    elif options:
        parser.error(f"unrecognized arguments: {' '.join(options)}")
    return arguments


def _add_faults(chaos: argparse.ArgumentParser) -> None:
    """The faults, each a command of its own."""
    faults = chaos.add_subparsers(dest="fault", required=True, metavar="FAULT")
    for name, text in (
        ("reclaim", "take a Spot task, a Batch job or a pod's node back, as AWS does: SIGTERM, and SIGKILL later"),
        ("kill", "end a task by SIGKILL, or take the machine of a Batch job or a pod away, without a warning"),
    ):
        fault = faults.add_parser(name, help=text, description=text)
        fault.add_argument("--service", help="of this service or worker; otherwise of every service")
        fault.add_argument("--task", help="the task whose id begins so")
        fault.add_argument("--job", help="the Batch job with this id, of an array the part <id>:<index>")
        fault.add_argument("--pod", help="the pod of Kubernetes whose name begins so")
        fault.add_argument("--stack", default="dev")
    text = "end a Batch job or a pod as one that holds more memory than it has"
    memory = faults.add_parser("memory", help=text, description=text)
    held = memory.add_mutually_exclusive_group(required=True)
    held.add_argument("--job", help="the Batch job with this id, of an array the part <id>:<index>")
    held.add_argument("--pod", help="the pod of Kubernetes whose name begins so")
    memory.add_argument("--stack", default="dev")
    text = "whether Spot has capacity for more tasks"
    capacity = faults.add_parser("capacity", help=text, description=text)
    capacity.add_argument("--spot", choices=("on", "off"), required=True)
    capacity.add_argument("--stack", default="dev")
    text = "how fast the sandbox's clock goes: metrics, alarms, scaling, cooldowns, schedules, pauses of Kubernetes"
    clock = faults.add_parser("clock", help=text, description=text)
    clock.add_argument("--factor", type=float, required=True, help="seconds of the clock in a second")
    clock.add_argument("--stack", default="dev")


def _check(arguments: argparse.Namespace) -> int:
    from sandbox.check import check

    return check(PROJECT, arguments.stack)


def _demo(arguments: argparse.Namespace) -> int:
    from sandbox.demo import demo

    return demo(PROJECT, arguments.stack)


def _up(arguments: argparse.Namespace) -> int:
    from sandbox.serve import serve

    return serve(PROJECT, arguments.stack)


def _status(arguments: argparse.Namespace) -> int:
    from sandbox.chaos import status

    return status(PROJECT, arguments.stack)


def _chaos(arguments: argparse.Namespace) -> int:
    from sandbox.chaos import chaos

    return chaos(PROJECT, arguments)


def _upload(arguments: argparse.Namespace) -> int:
    from sandbox.upload import upload

    return upload(PROJECT, arguments.stack, arguments.worker, arguments.files, arguments.patience)


def _run(arguments: argparse.Namespace) -> int:
    from sandbox.scheduled_run import run

    return run(
        PROJECT,
        arguments.stack,
        arguments.worker,
        arguments.at,
        arguments.patience,
        uploads=arguments.uploads,
        out=arguments.out,
    )


def _job(arguments: argparse.Namespace) -> int:
    from sandbox.batch_command import job

    return job(PROJECT, arguments.rest)


def _workflow(arguments: argparse.Namespace) -> int:
    from sandbox.workflow_run import workflow

    return workflow(PROJECT, arguments.stack, arguments.workflow, arguments.input, arguments.out)


def _instant(text: str) -> str:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write for example 2026-10-25T06:00") from None
    return text


def _resources(arguments: argparse.Namespace) -> int:
    from sandbox.check import declared

    resources = declared(PROJECT, arguments.stack).resources
    if arguments.json:
        print(json.dumps([resource.as_json() for resource in resources], indent=1))
        return 0
    for resource in resources:
        print(f"{resource.type:60} {resource.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
