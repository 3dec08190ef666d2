"""The three stacks of the repository declare what their files say."""

from __future__ import annotations

import ipaddress
import itertools
import json
from typing import Any

import pytest
from component_support import (
    API_WORKERS,
    BATCH_WORKERS,
    ECS_WORKERS,
    FUNCTIONS,
    JOB_WORKERS,
    KUBERNETES_WORKERS,
    QUEUE_WORKERS,
    REGION,
    SCHEDULED_WORKERS,
    STACKS,
    STEPS,
    TASK_WORKERS,
    WORKERS,
    WORKFLOWS,
    Declared,
    containers,
    job_containers,
    packed,
    pods,
    settings,
    variables,
    variables_of,
)

VPC = "awsx:ec2:Vpc"
JOB_DEFINITION = "aws:batch/jobDefinition:JobDefinition"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
CLUSTER = "aws:eks/cluster:Cluster"
PROVIDER = "pulumi:providers:aws"


def test_the_stacks_differ_in_whatever_costs_or_protects() -> None:
    dev, staging, prod = (settings(name) for name in STACKS)
    assert [s.network.mode for s in (dev, staging, prod)] == ["public", "private-endpoints", "private-nat"]
    assert dev.logs.retention_days < staging.logs.retention_days < prod.logs.retention_days
    assert dev.data.result_days < staging.data.result_days < prod.data.result_days
    assert (dev.spot.share, staging.spot.share, prod.spot.share) == (100, 70, 70)
    assert (dev.spot.on_demand_base, prod.spot.on_demand_base) == (0, 1)
    assert [s.data.point_in_time_recovery for s in (dev, staging, prod)] == [False, True, True]
    assert [s.data.protect for s in (dev, staging, prod)] == [False, False, True]
    assert [bool(s.api.allowed_ips) for s in (dev, staging, prod)] == [False, False, True]
    assert [bool(s.alarms.emails) for s in (dev, staging, prod)] == [False, True, True]
    assert [s.engine.kind for s in (dev, staging, prod)] == ["offline", "bedrock", "bedrock"]


@pytest.mark.parametrize(
    ("name", "nat", "subnets", "public"),
    [
        ("dev", "None", ["Public"], "ENABLED"),
        ("staging", "None", ["Private"], "DISABLED"),
        ("prod", "OnePerAz", ["Public", "Private"], "DISABLED"),
    ],
)
def test_each_stack_has_the_network_of_its_mode(stack, name: str, nat: str, subnets: list[str], public: str) -> None:
    found, network = stack(name), settings(name).network
    vpc = found.inputs(VPC)
    assert vpc["natGateways"] == {"strategy": nat}
    assert [spec["type"] for spec in vpc["subnetSpecs"]] == subnets
    assert (vpc["cidrBlock"], vpc["numberOfAvailabilityZones"]) == (network.cidr, network.availability_zones)
    assert variables_of(found, "launcher")["ASSIGN_PUBLIC_IP"] == public


def test_the_networks_of_the_stacks_do_not_overlap(stack) -> None:
    networks = [ipaddress.ip_network(stack(name).inputs(VPC)["cidrBlock"]) for name in STACKS]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(networks, 2))


def test_without_a_way_out_tasks_reach_the_model_and_machines_their_clusters_through_endpoints(stack) -> None:
    specs = stack("staging").inputs(VPC)["vpcEndpointSpecs"]
    services = [spec["serviceName"].rpartition(f"{REGION}.")[2] for spec in specs]
    usual, agent = ["s3", "dynamodb", "ecr.api", "ecr.dkr", "logs", "sqs"], ["ecs", "ecs-agent", "ecs-telemetry"]
    nodes = ["ec2", "eks", "eks-auth", "sts"]  # eks-auth: of EKS Pod Identity
    assert services == [*usual, "bedrock-runtime", *agent, *nodes]
    assert stack("prod").inputs(VPC)["vpcEndpointSpecs"] == []


@pytest.mark.parametrize("name", STACKS)
def test_every_log_group_keeps_what_the_stack_says(stack, name: str) -> None:
    groups = stack(name).all("aws:cloudwatch/logGroup:LogGroup")
    assert {group.inputs["retentionInDays"] for group in groups} == {settings(name).logs.retention_days}
    others = ["job-api", *(f"flow-{workflow}" for workflow in WORKFLOWS)]
    others += [] if name == "dev" else ["eks"]  # the control plane's; pods' logs stay in the cluster
    assert sorted(group.name for group in groups) == sorted((*FUNCTIONS[name], *ECS_WORKERS, *others, *STEPS[name]))


@pytest.mark.parametrize("name", STACKS)
def test_data_is_protected_and_kept_as_the_stack_says(stack, name: str) -> None:
    found, data = stack(name), settings(name).data
    table = found.inputs("aws:dynamodb/table:Table", "jobs")
    assert table["pointInTimeRecovery"]["enabled"] is data.point_in_time_recovery
    assert table["deletionProtectionEnabled"] is data.protect
    assert {b.inputs["forceDestroy"] for b in found.all("aws:s3/bucket:Bucket")} == {not data.protect}
    assert {r.inputs["forceDelete"] for r in found.all("awsx:ecr:Repository")} == {not data.protect}
    assert all(cluster.inputs["deletionProtection"] is data.protect for cluster in found.all(CLUSTER))
    rules = {r.name: r.inputs["rules"] for r in found.all("aws:s3/bucketLifecycleConfiguration:*")}
    kept = {bucket: rule["expiration"]["days"] for bucket, [rule] in rules.items()}
    assert kept == {"results": data.result_days, "uploads": data.upload_days, "artifacts": 30}
    assert variables_of(found, "api")["JOB_TTL_DAYS"] == str(settings(name).api.job_ttl_days)


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("dev", {"FARGATE_SPOT": (100, 0)}),
        ("staging", {"FARGATE_SPOT": (70, 0), "FARGATE": (30, 0)}),
        ("prod", {"FARGATE_SPOT": (70, 0), "FARGATE": (30, 1)}),
    ],
)
def test_spot_takes_the_share_that_the_stack_and_its_workers_say(
    stack, name: str, strategy: dict[str, tuple[int, int]]
) -> None:
    found = stack(name)
    providers = found.inputs("aws:ecs/clusterCapacityProviders:*")["defaultCapacityProviderStrategies"]
    assert {p["capacityProvider"]: (p["weight"], p["base"]) for p in providers} == strategy
    shares = {worker.name: worker.spot_share for worker in settings(name).workers}
    assert found.inputs("serverless-batch:job_runner:JobRunner")["spotShares"] == {w: shares[w] for w in JOB_WORKERS}
    for worker in QUEUE_WORKERS:
        chosen = found.inputs("aws:ecs/service:Service", worker)["capacityProviderStrategies"]
        assert {p["capacityProvider"]: (p["weight"], p["base"]) for p in chosen} == strategy


@pytest.mark.parametrize("name", STACKS)
def test_addresses_and_rates_of_callers_are_limited_as_the_stack_says(stack, name: str) -> None:
    found, api = stack(name), settings(name).api
    statements = json.loads(found.inputs("aws:apigateway/restApi:RestApi")["policy"])["Statement"]
    denied = [s["Condition"]["NotIpAddress"]["aws:SourceIp"] for s in statements if s["Effect"] == "Deny"]
    assert denied == ([list(api.allowed_ips)] if api.allowed_ips else [])
    plan = found.inputs("aws:apigateway/usagePlan:UsagePlan")
    assert plan["throttleSettings"] == {"rateLimit": api.throttle.rate, "burstLimit": api.throttle.burst}
    assert plan["quotaSettings"] == {"limit": api.quota.limit, "period": api.quota.period}


@pytest.mark.parametrize("name", STACKS)
def test_alarms_and_notices_go_to_the_addresses_of_the_stack(stack, name: str) -> None:
    found, said = stack(name), settings(name)
    topics = {topic.outputs["arn"]: topic.name for topic in found.all("aws:sns/topic:Topic")}
    subscribed = [s.inputs for s in found.all("aws:sns/topicSubscription:TopicSubscription")]
    expected = {("alerts", email) for email in said.alarms.emails}
    expected |= {("notices", email) for email in said.notifications.topic_emails}
    assert {(topics[s["topic"]], s["endpoint"]) for s in subscribed} == expected


@pytest.mark.parametrize("name", STACKS)
def test_every_alarm_speaks_on_the_topic_of_alarms_and_watches_what_is_there(stack, name: str) -> None:
    found = stack(name)
    topic = found.one("aws:sns/topic:Topic", "alerts").outputs["arn"]
    watched: dict[tuple[str, ...], set[str]] = {}
    for alarm in found.all("aws:cloudwatch/metricAlarm:MetricAlarm"):
        assert alarm.inputs["alarmActions"] == [topic]
        queries = alarm.inputs.get("metricQueries", [])
        metrics = [query["metric"] for query in queries if "metric" in query] or [alarm.inputs]
        for dimensions in (metric["dimensions"] for metric in metrics):
            [value] = set(dimensions.values())
            watched.setdefault(tuple(sorted(dimensions)), set()).add(value)
    queues = {queue.name: queue.inputs["name"] for queue in found.all("aws:sqs/queue:Queue")}
    served = {queues[worker] for worker in QUEUE_WORKERS}
    dead_letters = {queues[queue] for queue in queues if queue.endswith("-dlq")}
    dead_letters |= {url for queue, url in queues.items() if queue.endswith(("undelivered", "unstarted"))}
    machines = {machine.outputs["arn"] for machine in found.all("aws:sfn/stateMachine:StateMachine")}
    assert watched.pop(("StateMachineArn",), set()) == machines
    assert watched == {
        ("QueueName",): dead_letters | served,
        ("Queue",): served,  # the scaler's metrics
        ("service", "worker"): {*QUEUE_WORKERS, *SCHEDULED_WORKERS, *BATCH_WORKERS},  # the runtime's
        ("worker",): {*SCHEDULED_WORKERS, *BATCH_WORKERS},  # the watchman's, and those of batch_events
        ("ProjectName",): {project.inputs["name"] for project in found.all("aws:codebuild/project:Project")},
        ("FunctionName",): {function.inputs["name"] for function in found.all("aws:lambda/function:Function")},
    }


@pytest.mark.parametrize("name", STACKS)
def test_workers_have_the_size_and_the_limits_of_their_manifest_or_of_the_stack(stack, name: str) -> None:
    found = stack(name)
    assert [worker.name for worker in settings(name).workers] == list(WORKERS)
    assert found.names(DEFINITION) == list(TASK_WORKERS)
    for worker in (worker for worker in settings(name).workers if worker.name in TASK_WORKERS):
        manifest, definition = worker.manifest, found.inputs(DEFINITION, worker.name)
        size = manifest.resources
        assert (float(definition["cpu"]), float(definition["memory"])) == (size.vcpu * 1024, size.memory_mib)
        assert definition["runtimePlatform"]["cpuArchitecture"] == size.architecture.upper()
        known = variables(containers(found)[worker.name])
        assert (float(known["VCPU"]), float(known["MEMORY_GB"])) == (size.vcpu, size.memory_mib / 1024)
        assert known["ARCHITECTURE"] == size.architecture
        assert (known["TIMEOUT_SECONDS"], known["MAX_ATTEMPTS"], known["BACKOFF_SECONDS"]) == (
            str(size.timeout_seconds),
            str(manifest.retry.attempts),
            str(manifest.retry.backoff_seconds),
        )


@pytest.mark.parametrize("name", STACKS)
def test_jobs_of_batch_have_the_sizes_and_the_limits_of_their_manifest_or_of_the_stack(stack, name: str) -> None:
    found = stack(name)
    assert found.names(JOB_DEFINITION) == list(BATCH_WORKERS)  # no tier of theirs is for instances
    for worker in (worker for worker in settings(name).workers if worker.name in BATCH_WORKERS):
        manifest, trigger = worker.manifest, worker.manifest.trigger.batch
        definition, container = found.inputs(JOB_DEFINITION, worker.name), job_containers(found)[worker.name]
        size, known = manifest.resources, variables(container)
        needs = {need["type"]: float(need["value"]) for need in container["resourceRequirements"]}
        assert needs == {"VCPU": size.vcpu, "MEMORY": size.memory_mib}
        assert (float(known["VCPU"]), float(known["MEMORY_GB"])) == (size.vcpu, size.memory_mib / 1024)
        assert container["runtimePlatform"]["cpuArchitecture"] == size.architecture.upper()
        assert container["ephemeralStorage"] == {"sizeInGiB": size.scratch_gib}
        tiers = [(t["up_to"], t["vcpu"], t["memory"], t["queue"]) for t in json.loads(known["TIERS"])]
        own = trigger.queue
        assert tiers == [(t.up_to_bytes, t.vcpu, t.memory_mib, t.queue or own) for t in trigger.tiers]
        assert (known["ARRAY"], known["SHARE"]) == (str(trigger.array), trigger.share)
        assert set(json.loads(known["DEFINITIONS"])) == {"standard", "urgent"}  # those of Fargate
        assert definition["retryStrategy"]["attempts"] == manifest.retry.attempts
        assert known["TIMEOUT_SECONDS"] == str(size.timeout_seconds)
        assert definition["timeout"]["attemptDurationSeconds"] > size.timeout_seconds
        group = found.inputs("aws:cloudwatch/logGroup:LogGroup", worker.name)
        assert container["logConfiguration"]["options"]["awslogs-group"] == group["name"]


@pytest.mark.parametrize("name", STACKS)
def test_jobs_of_kubernetes_have_the_sizes_and_the_limits_of_their_manifest_or_of_the_stack(stack, name: str) -> None:
    found = stack(name)
    assert pods(found).keys() == set(KUBERNETES_WORKERS)
    for worker in (worker for worker in settings(name).workers if worker.name in KUBERNETES_WORKERS):
        size, trigger = worker.manifest.resources, worker.manifest.trigger.kubernetes
        assert trigger
        cron_job = found.inputs("kubernetes:batch/v1:CronJob", f"{worker.name.replace('_', '-')}-cronjob")["spec"]
        job, pod = cron_job["jobTemplate"]["spec"], pods(found)[worker.name]
        assert (cron_job["schedule"], cron_job["timeZone"]) == (trigger.schedule, trigger.timezone)
        assert cron_job["suspend"] is not worker.enabled
        assert (job["completions"], job["parallelism"]) == (len(trigger.sources), trigger.parallelism)
        assert job["backoffLimitPerIndex"] == trigger.retries_per_index
        [container] = pod["containers"]
        requests, known = container["resources"]["requests"], variables(container)
        assert requests == container["resources"]["limits"]
        assert (requests["cpu"], requests["memory"]) == (f"{size.vcpu * 1000:g}m", f"{size.memory_mib}Mi")
        assert pod["volumes"][0]["emptyDir"] == {"sizeLimit": f"{size.scratch_gib}Gi"}
        assert (float(known["VCPU"]), float(known["MEMORY_GB"])) == (size.vcpu, size.memory_mib / 1024)
        assert pod["nodeSelector"]["kubernetes.io/arch"] == known["ARCHITECTURE"] == size.architecture
        assert known["MAX_ATTEMPTS"] == str(trigger.retries_per_index + 1)
        assert known["TIMEOUT_SECONDS"] == str(size.timeout_seconds)
        assert job["activeDeadlineSeconds"] > pod["activeDeadlineSeconds"] > size.timeout_seconds


@pytest.mark.parametrize(
    ("name", "cluster", "nodes", "pools"),
    [
        ("dev", "data-platform", {}, []),
        ("staging", "serverless-batch-staging-eks", {}, ["batch"]),
        ("prod", "serverless-batch-prod-eks", {"system": 2, "batch": 20}, []),
    ],
)
def test_each_stack_has_pods_in_its_cluster(
    stack, name: str, cluster: str, nodes: dict[str, int], pools: list[str]
) -> None:
    found, kubernetes = stack(name), settings(name).kubernetes
    assert kubernetes.cluster
    config = json.loads(found.inputs("pulumi:providers:kubernetes")["kubeconfig"])
    assert cluster in config["users"][0]["user"]["exec"]["args"]
    hard = found.inputs("kubernetes:core/v1:ResourceQuota")["spec"]["hard"]
    quota = kubernetes.quota
    assert (hard["requests.cpu"], hard["requests.memory"], hard["pods"]) == (
        f"{quota.vcpu:g}",
        f"{quota.memory_mib}Mi",
        str(quota.pods),
    )
    groups = {group.name: group.inputs["scalingConfig"]["maxSize"] for group in found.all("aws:eks/nodeGroup:*")}
    assert (groups, found.names("kubernetes:karpenter.sh/v1:NodePool")) == (nodes, pools)
    if new := kubernetes.cluster.new:
        made = found.one(CLUSTER)
        assert (made.inputs["name"], made.inputs["version"]) == (cluster, new.version)
        assert made.inputs["vpcConfig"]["publicAccessCidrs"] == list(new.endpoint.public)
        assert config["clusters"][0]["cluster"]["server"] == made.outputs["endpoint"]
    else:
        assert found.all("aws:eks/*") == []


def catalogue(found: Declared, function: str) -> dict[str, Any]:
    """What a function knows of workers."""
    files = packed(found.one("aws:lambda/function:Function", function))
    return json.loads(files["catalogue.json"].removeprefix("text:"))


@pytest.mark.parametrize("name", STACKS)
def test_the_api_knows_the_workers_of_the_api_with_what_their_manifests_say(stack, name: str) -> None:
    known = catalogue(stack(name), "api")
    manifests = {worker.name: worker.manifest for worker in settings(name).workers}
    assert known.keys() == set(API_WORKERS)
    for worker, entry in known.items():
        manifest = manifests[worker]
        assert (entry["cap"], entry["timeout_seconds"]) == (
            manifest.trigger.api.concurrency,
            manifest.resources.timeout_seconds,
        )
        assert (entry["input"], entry["description"]) == (manifest.input, manifest.description)


@pytest.mark.parametrize(("name", "least", "most"), [("dev", 0, 4), ("staging", 0, 10), ("prod", 1, 50)])
def test_queue_workers_have_the_bounds_that_the_stack_or_the_manifest_says(
    stack, name: str, least: int, most: int
) -> None:
    found = stack(name)
    known = catalogue(found, "scaler")
    assert known.keys() == set(QUEUE_WORKERS)
    assert (known["image_processor"]["min"], known["image_processor"]["max"]) == (least, most)
    assert found.inputs("aws:ecs/service:Service", "image_processor")["desiredCount"] == least
    assert found.inputs("aws:appautoscaling/target:Target", "image_processor")["maxCapacity"] == most


@pytest.mark.parametrize("name", STACKS)
def test_the_stacks_tags_are_on_every_resource_through_the_provider(stack, name: str) -> None:
    tags = json.loads(stack(name).inputs(PROVIDER)["defaultTags"])["tags"]
    assert tags == {"project": "serverless-batch", "stack": name, "managed-by": "pulumi", **settings(name).tags}


@pytest.mark.parametrize("name", STACKS)
def test_callers_get_the_address_and_the_key(stack, name: str) -> None:
    found = stack(name)
    assert found.run.exports["apiUrl"] == found.one("aws:apigateway/stage:Stage").outputs["invokeUrl"]
    assert found.run.exports["apiKey"] == found.one("aws:apigateway/apiKey:ApiKey").outputs["value"]


@pytest.mark.parametrize(("name", "shared", "large"), [("dev", 64, 64), ("staging", 64, 64), ("prod", 256, 512)])
def test_each_stack_has_queues_for_urgent_usual_and_large_jobs(stack, name: str, shared: int, large: int) -> None:
    found = stack(name)
    queues = {queue.name: queue.inputs for queue in found.all("aws:batch/jobQueue:JobQueue")}
    assert queues.keys() == {"urgent", "standard", "large"}
    assert queues["urgent"]["priority"] > queues["standard"]["priority"]
    assert queues["urgent"]["computeEnvironmentOrders"] == queues["standard"]["computeEnvironmentOrders"]
    limits = {e.name: e.inputs["computeResources"]["maxVcpus"] for e in found.all("aws:batch/computeEnvironment:*")}
    assert limits == {"fargate-spot": shared, "fargate-on-demand": shared, "large-ec2-spot": large}
    weights = found.inputs("aws:batch/schedulingPolicy:SchedulingPolicy", "standard")["fairSharePolicy"]
    assert {s["shareIdentifier"]: s["weightFactor"] for s in weights["shareDistributions"]} == {
        "reports": 1, "tenant*": 2,
    }  # fmt: skip
