"""A workflow as a state machine of AWS Step Functions, with its role, its logs and its alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.batch_jobs import EVALUATE_ON_EXIT, BatchJobs, BatchWorker
from components.batch_settings import BatchQueue
from components.cluster import Cluster
from components.network import Network
from components.permissions import (
    Role,
    Statement,
    deliver_logs,
    follow_jobs,
    follow_tasks,
    invoke_function,
    list_objects,
    publish,
    read_objects,
    run_maps,
    run_tasks,
    submit_jobs,
    trace,
)
from components.site import Site
from components.storage import Bucket
from components.task import CONTAINER
from workflows import OVER_PREFIX, Runner, Size, Surroundings, Work, Workflow, definition, faults, results_read

# Of the names that begin so, the resource policy of CloudWatch Logs, which AWS keeps and which has little room, says
# nothing one by one.
LOG_PREFIX = "/aws/vendedlogs/states"
METRICS = {
    "ExecutionsFailed": "failed. Its notice, or the execution itself, says at which stage and why",
    "ExecutionsTimedOut": "took longer than the workflow's timeout, and nothing of it was undone",
}


@dataclass(frozen=True, kw_only=True)
class WorkflowArgs:
    """runners: the stack's workers, by name. roles: family → names of the roles of its tasks.
    after: what must be there before an execution can begin."""

    workflow: Workflow
    runners: Mapping[str, Runner]
    roles: Mapping[str, Sequence[str]]
    log_retention_days: int
    after: Sequence[pulumi.Resource] = ()


class StateMachine(pulumi.ComponentResource):
    """name: the machine's, in AWS."""

    def __init__(
        self,
        site: Site,
        args: WorkflowArgs,
        *,
        network: Network,
        cluster: Cluster,
        uploads: Bucket,
        results: Bucket,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        workflow = args.workflow
        name = site.name(f"flow-{workflow.name}")
        works = _works(workflow)
        functions = sorted({work.name for work in works if work.kind == "function"})
        used = {work.name: args.runners[work.name] for work in works if work.kind != "function"}
        around = Surroundings(
            machine=name,
            partition=site.partition,
            buckets={"uploads": uploads.bucket_name, "results": results.bucket_name},
            topic=alerts.arn,
            cluster=cluster.arn,
            container=CONTAINER,
            capacity_provider=cluster.single_task,
            subnets=network.subnet_ids,
            security_groups=[network.security_group_id],
            assign_public_ip=network.assign_public_ip,
            functions=site.arn("lambda", "function:"),
            evaluate_on_exit=[_pascal(entry) for entry in EVALUATE_ON_EXIT],
        )
        machine = definition(workflow, used, around)
        wrong = faults(machine)
        if wrong:
            raise pulumi.RunError(f"The workflow {workflow.name} became no state machine: {'; '.join(wrong)}")
        super().__init__(
            "serverless-batch:workflow:StateMachine",
            workflow.name,
            # The definition as data: of the text that AWS gets nothing is known as long as a part of it is not.
            {"machine": name, "stages": [stage.name for stage in workflow.stages], "definition": machine},
            opts,
        )
        self.machine = name  # after super(), which makes outputs of the properties of the same names
        child = pulumi.ResourceOptions(parent=self)
        log_group_name = f"{LOG_PREFIX}/{self.machine}"
        logs = aws.cloudwatch.LogGroup(
            f"flow-{workflow.name}", name=log_group_name, retention_in_days=args.log_retention_days, opts=child
        )
        role = Role(
            f"flow-{workflow.name}",
            site,
            "states",
            [
                *self._may(site, args, used, functions, cluster),
                *_objects(workflow, uploads, results),
                *(publish(alerts.arn) if workflow.notify else ()),
            ],
            opts=child,
        )
        aws.sfn.StateMachine(
            workflow.name,
            name=self.machine,
            type="STANDARD",
            role_arn=role.arn,
            definition=pulumi.Output.json_dumps(machine, sort_keys=True),
            logging_configuration={
                "level": "ALL",
                "include_execution_data": False,  # the input of a job may be anything
                "log_destination": logs.arn.apply(lambda arn: f"{arn}:*"),
            },
            tracing_configuration={"enabled": True},
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        machine_arn = site.arn("states", f"stateMachine:{self.machine}")
        for metric, what in METRICS.items():
            alerts.when_more_than(
                0,
                f"flow-{workflow.name}-executions-{metric.removeprefix('Executions').lower()}",
                namespace="AWS/States",
                metric=metric,
                dimensions={"StateMachineArn": machine_arn},
                description=f"An execution of the workflow {workflow.name} {what}.",
                parent=self,
            )
        self.register_outputs({"machine": self.machine})

    def _may(
        self,
        site: Site,
        args: WorkflowArgs,
        used: Mapping[str, Runner],
        functions: Sequence[str],
        cluster: Cluster,
    ) -> list[Statement]:
        """Whatever its stages call, and nothing else."""
        statements = [*deliver_logs(), *trace()]
        sizes = [size for runner in used.values() for size in runner.sizes]
        families = sorted(runner.target for runner in used.values() if runner.kind == "task")
        if sizes:
            definitions, queues = ({getattr(size, key) for size in sizes} for key in ("definition", "queue"))
            statements += [*submit_jobs(site, sorted(definitions), sorted(queues)), *follow_jobs(site)]
        if families:
            roles = [role for family in families for role in args.roles[family]]
            statements += run_tasks(site, cluster.cluster_name, families, roles)
            statements += follow_tasks(site, cluster.cluster_name)
        for name in functions:
            statements += invoke_function(site.arn("lambda", f"function:{name}"))
        if any(stage.fan_out for stage in args.workflow.stages):
            statements += run_maps(site, self.machine)
        return statements


def _works(workflow: Workflow) -> list[Work]:
    return [work for stage in workflow.stages for work in (stage.work, stage.compensate) if work]


def _objects(workflow: Workflow, uploads: Bucket, results: Bucket) -> list[Statement]:
    """Lists for fan-outs, and the results that stages refer to."""
    buckets = {"uploads": uploads, "results": results}
    fan_outs = [stage.fan_out for stage in workflow.stages if stage.fan_out and stage.fan_out.over == OVER_PREFIX]
    # Of a prefix that an execution's input completes, what comes before is known.
    listed = sorted({(fan_out.bucket, str(fan_out.value).partition("${")[0]) for fan_out in fan_outs})
    read = results_read(workflow)
    writers = sorted({s.work.name for s in workflow.stages if s.name in read and s.work.kind != "function"})
    return [
        *(one for bucket, prefix in listed for one in list_objects(buckets[bucket].arn, prefix)),
        *(one for name in writers for one in read_objects(results.arn, f"{name}/")),
    ]


def _pascal(entry: Mapping[str, str]) -> dict[str, str]:
    """An entry of a retry strategy as Step Functions writes it."""
    words = {key: "".join(part.capitalize() for part in key.split("_")) for key in entry}
    return {words[key]: value.upper() if key == "action" else value for key, value in entry.items()}


def batch_runner(worker: BatchWorker, jobs: BatchJobs, queues: Mapping[str, BatchQueue], site: Site) -> Runner:
    return Runner(
        kind="batch",
        name=worker.name,
        timeout=worker.timeout,
        attempts=worker.attempts,
        sizes=[
            Size(
                up_to=tier.up_to,
                vcpu=tier.vcpu,
                memory=tier.memory,
                queue=site.name(tier.queue),
                definition=jobs.definitions[tier.queue],
                share=worker.share if queues[tier.queue].shares else None,
            )
            for tier in worker.tiers
        ],
    )


def task_runner(name: str, timeout: int, attempts: int, site: Site) -> Runner:
    return Runner(kind="task", name=name, target=site.name(name), timeout=timeout, attempts=attempts)


def roles_of(workers: Sequence[str], site: Site) -> dict[str, list[str]]:
    """Family → names of the roles of a worker's tasks, as its task definition has them."""
    return {site.name(name): [site.name(f"{name}-{kind}") for kind in ("execution", "task")] for name in workers}
