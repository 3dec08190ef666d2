"""How other processes reach a sandbox that is up: an endpoint on this machine, and the file that says where it is."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3
from werkzeug import Request, Response

from batchctl.letters import DeadLetters
from components.problems import suggestion
from sandbox.cloud import Cloud
from sandbox.compute.batch.job import Job as BatchJob
from sandbox.compute.services import Kept
from sandbox.http_server import HttpServer
from sandbox.kubernetes_workers import KubernetesWorker, kubernetes_workers
from sandbox.program import ProgramError
from sandbox.queue_workers import QueueWorker, queue_workers
from sandbox.scheduled_workers import NotStarted, ScheduledWorker, scheduled_workers

FILE = "control.json"
SPOT = "FARGATE_SPOT"
ANSWER_SECONDS = 60  # a function that has just been deployed takes some of them to begin


class Unknown(Exception):
    """There is no such service, no such task, or no such command."""


class Control:
    """Does what `python -m sandbox chaos` and `status` ask for. Only who can read the file may ask."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._token = secrets.token_urlsafe(16)
        self._file = cloud.folder / FILE
        self._commands: dict[str, Callable[[dict[str, Any]], Any]] = {
            "status": lambda _: status(cloud),
            "reclaim": self._reclaim,
            "kill": self._kill,
            "memory": self._memory,
            "capacity": self._capacity,
            "clock": self._clock,
            "upload": self._upload,
            "waiting": self._waiting,
            "written": self._written,
            "letters": self._letters,
            "uploads": self._uploads,
            "put": self._put,
            "fetch": self._fetch,
            "run": self._run,
            "job": self._job,
            "results": self._results,
            "trigger": lambda wish: "kubernetes" if self._runs_in_kubernetes(wish["worker"]) else "schedule",
            "environment": lambda _: cloud.environment(),
        }
        self._server = HttpServer(self._answer)
        self._file.touch(mode=0o600)
        self._file.write_text(json.dumps({"url": self._server.url, "token": self._token}), encoding="utf-8")

    def close(self) -> None:
        self._file.unlink(missing_ok=True)
        self._server.close()

    def _answer(self, request: Request) -> Response:
        if not secrets.compare_digest(request.headers.get("Authorization", ""), self._token):
            return Response(status=403)
        try:
            command = self._commands[request.path.strip("/")]
            return Response(json.dumps(command(request.get_json())), mimetype="application/json")
        except (LookupError, Unknown) as error:
            return Response(str(error), 404)
        except NotStarted as error:
            return Response(str(error), 409)

    def _reclaim(self, wish: dict[str, Any]) -> list[str]:
        """Interrupt Spot tasks, one of each service or one by its id, a Batch job or a pod, as AWS does; which they
        were."""
        if wish.get("pod"):
            return [self._cloud.compute.kubernetes.evict(wish["pod"])]
        if wish.get("job"):
            return self._fault_of_job(wish["job"], self._cloud.compute.batch.reclaim, spot=True)
        tasks = [kept for kept in self._tasks(wish) if kept.provider == SPOT]
        for kept in tasks:
            self._cloud.compute.fargate.reclaim(kept.task)
        return [kept.arn for kept in tasks]

    def _kill(self, wish: dict[str, Any]) -> list[str]:
        """End tasks by SIGKILL, without a warning; which they were."""
        if wish.get("pod"):
            return [self._cloud.compute.kubernetes.lose(wish["pod"])]
        if wish.get("job"):
            return self._fault_of_job(wish["job"], self._cloud.compute.batch.lose, spot=False)
        tasks = self._tasks(wish)
        for kept in tasks:
            kept.task.kill()
        return [kept.arn for kept in tasks]

    def _memory(self, wish: dict[str, Any]) -> list[str]:
        """End a Batch job or a pod as one that holds more memory than it has; which it was."""
        if wish.get("pod"):
            return [self._cloud.compute.kubernetes.exhaust(wish["pod"])]
        return self._fault_of_job(wish["job"], self._cloud.compute.batch.exhaust, spot=False)

    def _tasks(self, wish: dict[str, Any]) -> list[Kept]:
        """The task that is asked for, or the longest-running one of each service that is asked for."""
        services = self._cloud.compute.services.all()
        if name := wish.get("service"):
            services = [s for s in services if name in (s.model.name, _short(s.model.name, name))]
            if not services:
                raise Unknown(f"There is no service {name}.")
        running = [[kept for kept in service.tasks if kept.running] for service in services]
        if task := wish.get("task"):
            found = [kept for tasks in running for kept in tasks if kept.arn.rsplit("/", 1)[-1].startswith(task)]
            if not found:
                raise Unknown(f"There is no running task {task}.")
            return found[:1]
        if wish.get("command") == "reclaim":
            running = [[kept for kept in tasks if kept.provider == SPOT] for tasks in running]
        return [tasks[0] for tasks in running if tasks]

    def _fault_of_job(self, job_id: str, fault: Callable[[BatchJob], None], *, spot: bool) -> list[str]:
        """Of a running job, by its id or how that begins."""
        running = self._cloud.compute.batch.running()
        found = [job for job, environment in running if job.id.startswith(job_id) and (environment.spot or not spot)]
        if not found:
            known = self._cloud.compute.batch.get(job_id)
            state = f"; it is {known.status}" if known else ""
            raise Unknown(f"There is no Batch job {job_id} running{' on Spot' if spot else ''}{state}.")
        fault(found[0])
        return [found[0].id]

    def _capacity(self, wish: dict[str, Any]) -> dict[str, bool]:
        self._cloud.compute.services.set_capacity(SPOT, bool(wish["spot"]))
        return {SPOT: bool(wish["spot"])}

    def _clock(self, wish: dict[str, Any]) -> dict[str, float]:
        self._cloud.compute.clock.factor = float(wish["factor"])
        return {"factor": self._cloud.compute.clock.factor}

    def _upload(self, wish: dict[str, Any]) -> str:
        """Put a file of this machine where the worker takes its uploads from; its key."""
        here, file = self._queue_worker(wish["worker"]), Path(wish["file"])
        if here.trigger.suffixes and not file.name.lower().endswith(here.trigger.suffixes):
            raise Unknown(f"{file.name}: {here.name} takes files that end in {', '.join(here.trigger.suffixes)}.")
        key = here.trigger.prefix + file.name
        self._cloud.client("s3").put_object(Bucket=here.uploads, Key=key, Body=file.read_bytes())
        return key

    def _waiting(self, wish: dict[str, Any]) -> int:
        """How many of the worker's messages are left, an event on its way to the queue among them."""
        idle = self._cloud.compute.asynchronous.settle(0)
        return sum(self._cloud.compute.queues.backlog(self._queue_worker(wish["worker"]).queue)) + (not idle)

    def _written(self, wish: dict[str, Any]) -> dict[str, list[str]]:
        """What the worker has written since an instant: where, and the results themselves."""
        here, s3 = self._queue_worker(wish["worker"]), self._cloud.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=here.results, Prefix=f"{here.name}/")
        found = [thing for page in pages for thing in page.get("Contents", [])]
        new = [thing["Key"] for thing in found if thing["LastModified"].timestamp() >= wish["since"]]
        return {
            "places": [f"s3://{here.results}/{key}" for key in new],
            "results": [
                s3.get_object(Bucket=here.results, Key=key)["Body"].read().decode()
                for key in new
                if key.endswith("/result.json")
            ],
        }

    def _letters(self, wish: dict[str, Any]) -> dict[str, tuple[str, str]]:
        """The worker's dead letters, some of them if there are many: message id → key of the upload, and the reason."""
        dead_letters = DeadLetters(self._cloud.client("sqs"), self._queue_worker(wish["worker"]).queue)
        letters = dead_letters.receive()
        dead_letters.let_go(letters)
        return {letter.message_id: (letter.key, letter.reason) for letter in letters}

    def _uploads(self, wish: dict[str, Any]) -> str:
        """The bucket of the uploads of a worker that can be run."""
        return self._worker(wish["worker"]).uploads()

    def _put(self, wish: dict[str, Any]) -> None:
        """Store a file of this machine as an object, `s3://bucket/key`."""
        bucket, key = _object(wish["place"])
        self._cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=Path(wish["file"]).read_bytes())

    def _fetch(self, wish: dict[str, Any]) -> None:
        """Write an object, `s3://bucket/key`, to a file of this machine."""
        self._cloud.client("s3").download_file(*_object(wish["place"]), wish["file"])

    def _run(self, wish: dict[str, Any]) -> str:
        """Start a worker as its schedule would, at an instant or now; the id of the job, in Kubernetes its name."""
        at = None if wish["at"] is None else dt.datetime.fromisoformat(wish["at"])
        return self._worker(wish["worker"]).start(at)

    def _job(self, wish: dict[str, Any]) -> dict[str, Any]:
        return self._worker(wish["worker"]).outcome(wish["job_id"])

    def _results(self, wish: dict[str, Any]) -> dict[str, Any]:
        return kubernetes_workers(self._cloud)[wish["worker"]].written(wish["job_id"])

    def _runs_in_kubernetes(self, name: str) -> bool:
        return isinstance(self._worker(name), KubernetesWorker)

    def _worker(self, name: str) -> ScheduledWorker | KubernetesWorker:
        """One that can be run: with a schedule, or in Kubernetes."""
        workers = scheduled_workers(self._cloud) | kubernetes_workers(self._cloud)
        if name not in workers:
            right = suggestion(name, sorted(workers))
            raise Unknown(f"The stack has no worker {name} with a schedule or in Kubernetes; {right}.")
        return workers[name]

    def _queue_worker(self, name: str) -> QueueWorker:
        workers = queue_workers(self._cloud)
        if name not in workers:
            raise Unknown(f"The stack has no queue worker {name}; {suggestion(name, sorted(workers))}.")
        return workers[name]


def status(cloud: Cloud) -> dict[str, Any]:
    """Services, queues and alarms as they are now; dead-letter queues stand beside the queues that they serve."""
    compute = cloud.compute
    backlogs = {name: compute.queues.backlog(name) for name in compute.queues.names()}
    return {
        "clock": {"now": compute.clock.now(), "factor": compute.clock.factor},
        "services": [
            {
                "name": service.model.name,
                "desired": service.model.desired_count,
                "running": sum(kept.running for kept in service.tasks),
                "tasks": [
                    {
                        "id": kept.arn.rsplit("/", 1)[-1],
                        "provider": kept.provider,
                        "status": kept.task.model.last_status,
                        "protected": compute.fargate.agent.protects(kept.arn),
                    }
                    for kept in service.wanted
                ],
            }
            for service in compute.services.all()
        ],
        "queues": [
            {"name": name, "waiting": waiting, "in_flight": in_flight, "dead": _dead(name, cloud, backlogs)}
            for name, (waiting, in_flight) in backlogs.items()
        ],
        "batch": compute.batch.status(),
        "kubernetes": compute.kubernetes.status(),
        "alarms": [
            {"name": alarm.name, "since": alarm.history[-1].at, "reason": alarm.history[-1].reason}
            for alarm in compute.alarms.in_alarm()
        ],
        "capacity": {SPOT: SPOT not in compute.fargate.unavailable},
    }


def ask(project: Path, stack: str, command: str, **wish: Any) -> Any:
    """What the running sandbox of the stack answers; raises ProgramError if there is none or if it refuses."""
    try:
        place = json.loads((project / ".sandbox" / stack / FILE).read_text(encoding="utf-8"))
        answer = urllib3.request(
            "POST", f"{place['url']}/{command}", json={"command": command, **wish},
            headers={"Authorization": place["token"]}, timeout=ANSWER_SECONDS, retries=False,
        )  # fmt: skip
    except (OSError, urllib3.exceptions.HTTPError):
        raise ProgramError(
            f"No sandbox of stack {stack} is up; start one with python -m sandbox up --stack {stack}."
        ) from None
    if answer.status != 200:
        raise ProgramError(answer.data.decode() or f"The sandbox refused ({answer.status}).")
    return answer.json()


def _object(place: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    bucket, _, key = place.removeprefix("s3://").partition("/")
    return bucket, key


def _dead(name: str, cloud: Cloud, backlogs: dict[str, tuple[int, int]]) -> int | None:
    """Messages in the dead-letter queue of a queue; None if it has none."""
    dead_letter_queue = cloud.compute.queues.dead_letter_queue(name)
    return sum(backlogs[dead_letter_queue]) if dead_letter_queue else None


def _short(service: str, name: str) -> str | None:
    """The service's name if it ends in the worker's."""
    return name if service.endswith(f"-{name.replace('_', '-')}") else None
