"""`python -m sandbox up|demo|check|resources|status|chaos --stack S`."""

from __future__ import annotations

import argparse
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
        if arguments.command is _chaos:
            return _chaos(arguments)
        return arguments.command(arguments.stack)
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
        ("status", _status, "services, queues and alarms of a stack that is up here"),
    ):
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--stack", default="dev", help="name of the stack; its file is Pulumi.<stack>.yaml")
        if name == "resources":
            sub.add_argument("--json", action="store_true", help="one array of {urn, type, inputs, options}")
            command = _resources_as_json if "--json" in sys.argv else command
        sub.set_defaults(command=command)
    text = "faults for a stack that is up here"
    chaos = commands.add_parser("chaos", help=text, description=text)
    _add_faults(chaos)
    chaos.set_defaults(command=_chaos)
    return parser.parse_args()


def _add_faults(chaos: argparse.ArgumentParser) -> None:
    """The faults, each a command of its own."""
    faults = chaos.add_subparsers(dest="fault", required=True, metavar="FAULT")
    for name, text in (
        ("reclaim", "take a Spot task back, as AWS does: SIGTERM, SIGKILL after stopTimeout"),
        ("kill", "end a task by SIGKILL, without a warning"),
    ):
        fault = faults.add_parser(name, help=text, description=text)
        fault.add_argument("--service", help="of this service or worker; otherwise of every service")
        fault.add_argument("--task", help="the task whose id begins so")
        fault.add_argument("--stack", default="dev")
    text = "whether Spot has capacity for more tasks"
    capacity = faults.add_parser("capacity", help=text, description=text)
    capacity.add_argument("--spot", choices=("on", "off"), required=True)
    capacity.add_argument("--stack", default="dev")
    text = "how fast the sandbox's clock goes: metrics, alarms, scaling, cooldowns and schedules"
    clock = faults.add_parser("clock", help=text, description=text)
    clock.add_argument("--factor", type=float, required=True, help="seconds of the clock in a second")
    clock.add_argument("--stack", default="dev")


def _check(stack: str) -> int:
    from sandbox.check import check

    return check(PROJECT, stack)


def _demo(stack: str) -> int:
    from sandbox.demo import demo

    return demo(PROJECT, stack)


def _up(stack: str) -> int:
    from sandbox.serve import serve

    return serve(PROJECT, stack)


def _status(stack: str) -> int:
    from sandbox.chaos import status

    return status(PROJECT, stack)


def _chaos(arguments: argparse.Namespace) -> int:
    from sandbox.chaos import chaos

    return chaos(PROJECT, arguments)


def _resources(stack: str) -> int:
    from sandbox.check import declared

    for resource in declared(PROJECT, stack).resources:
        print(f"{resource.type:60} {resource.name}")
    return 0


def _resources_as_json(stack: str) -> int:
    from sandbox.check import declared

    print(json.dumps([resource.as_json() for resource in declared(PROJECT, stack).resources], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
