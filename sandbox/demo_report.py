"""A section of the demonstration: a scheduled worker runs, and its report is opened and checked against its data."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from jobs import TERMINAL, Status
from jobs.cost import ON_DEMAND, fargate_usd
from sandbox.check import console
from sandbox.control import SPOT
from sandbox.demo_scene import Outcome, Scene
from sandbox.receivers import Receivers
from sandbox.scheduled_run import cost_text
from sandbox.scheduled_workers import NotStarted, ScheduledWorker, scheduled_workers

WORKER = "sales_report"
SEED = 1
DAYS = 4  # of orders, up to today: the report's, the one it is compared with, and more that must not count
PATIENCE_SECONDS = 90
POLL_SECONDS = 0.2
MINUTES = 4  # for which a run's cost is shown, beside what this one took


def sales_report(scene: Scene) -> Outcome | None:
    """None if the stack does without the worker."""
    worker = scheduled_workers(scene.cloud).get(WORKER)
    if worker is None:
        return None
    console.rule("A scheduled report")
    orders = _put_orders(scene)
    try:
        job_id = worker.start(None)
    except NotStarted as error:
        return Outcome([], [f"{WORKER}: {error}"])
    job = _ended(worker, job_id)
    if job["status"] != Status.SUCCEEDED:
        return Outcome([], [f"{WORKER}: {job['reason'] or job['status']}"])
    result = json.loads(job["result"])
    problems = _differences(_pdf_text(scene, result), result, orders)
    console.print(f"{len(orders)} orders of {DAYS} days → {job_id}", markup=False)
    for place in job["objects"]:
        console.print(f"  {place}", markup=False)
    console.print(f"  {result['headline']}", markup=False)
    if notice := _notice(scene.receivers, job_id):
        console.print(f"  Slack: {notice}", markup=False)
    else:
        problems.append(f"{WORKER}: Slack was not told of {job_id}")
    right = "they differ from the orders" if problems else "the same as those of the orders"
    summary = [f"[bold]Report[/]: {result['files']['pdf']['key']}; its figures: {right}.", *_cost(scene, job)]
    return Outcome(summary, problems)


def _put_orders(scene: Scene) -> list[dict[str, str]]:
    """Upload orders of the last days; all their rows."""
    from workers.sales_report.orders import COLUMNS
    from workers.sales_report.sample_orders import day_of_orders

    today = dt.datetime.fromtimestamp(scene.cloud.compute.clock.now(), dt.UTC).date()
    orders = []
    for day in (today - dt.timedelta(days=ago) for ago in range(DAYS)):
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in day_of_orders(day, SEED)]
        text = io.StringIO()
        table = csv.DictWriter(text, COLUMNS)
        table.writeheader()
        table.writerows(rows)
        bucket = scene.deployment.run.exports["uploadsBucket"]
        scene.cloud.client("s3").put_object(Bucket=bucket, Key=f"orders/{day}.csv", Body=text.getvalue().encode())
        orders += rows
    return orders


def _ended(worker: ScheduledWorker, job_id: str) -> Mapping[str, Any]:
    """The job when it has ended, or as it is when nobody waits any longer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (job := worker.outcome(job_id))["status"] not in TERMINAL and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return job


def _pdf_text(scene: Scene, result: Mapping[str, Any]) -> str:
    from pypdf import PdfReader

    place = result["files"]["pdf"]
    data = scene.cloud.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def _differences(pdf: str, result: Mapping[str, Any], orders: Sequence[Mapping[str, str]]) -> list[str]:
    """Where the report says something else than the orders, added up once more in the plainest way."""
    zone, day = ZoneInfo(result["period"]["timezone"]), result["period"]["name"]
    net: defaultdict[str, Decimal] = defaultdict(Decimal)
    count = 0
    for order in orders:
        at = dt.datetime.fromisoformat(order["ordered_at"]).astimezone(zone)
        if f"{at:%Y-%m-%d}" != day or order["status"] in ("cancelled", "pending"):
            continue
        count += 1
        if order["status"] != "refunded":
            net[order["region"]] += int(order["quantity"]) * Decimal(order["unit_price"])
    told = result["currencies"]["EUR"]
    facts = {
        "net": (told["net"], sum(net.values())),
        "orders": (told["orders"], count),
        **{f"net of {line['region']}": (line["net"], net[line["region"]]) for line in told["regions"]},
    }
    problems = [f"{WORKER}: {name} is {is_} instead of {should}" for name, (is_, should) in facts.items()
                if Decimal(is_) != should]  # fmt: skip
    if f"{sum(net.values()):,.2f}" not in pdf:
        problems.append(f"{WORKER}: the PDF does not show the net sales {sum(net.values()):,.2f}")
    return problems


def _notice(receivers: Receivers, job_id: str) -> str | None:
    """What Slack was told of the job; None if that does not come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for message in receivers.slack:
            text = message["blocks"][0]["text"]["text"]
            if job_id in text:
                return text.replace("\n", " · ")
        time.sleep(POLL_SECONDS)
    return None


def _cost(scene: Scene, job: Mapping[str, Any]) -> list[str]:
    [size] = [worker.manifest.resources for worker in scene.settings.workers if worker.name == WORKER]
    memory = size.memory_mib / 1024

    def usd(architecture: str) -> str:
        on_demand, on_spot = (
            fargate_usd(vcpu=size.vcpu, memory_gb=memory, seconds=MINUTES * 60, architecture=architecture, spot=spot)
            for spot in (False, True)
        )
        return f"{architecture} ${on_demand:.6f} on demand, ${on_spot:.6f} on Spot"

    return [
        cost_text(job["cost_usd"], job["capacity"] == SPOT, job["seconds"]),
        f"A report of {MINUTES} min with {size.vcpu:g} vCPU and {memory:g} GB: {'; '.join(map(usd, ON_DEMAND))}. "
        f"This stack has {size.architecture}.",
    ]
