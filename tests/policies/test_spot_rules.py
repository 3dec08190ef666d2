import pytest
from policy_cases import findings, left_open, make, passes, refused

from policies.model import UNKNOWN

SERVICE = "aws:ecs/service:Service"
TASK_SET = "aws:ecs/taskSet:TaskSet"
CLUSTER = "aws:ecs/cluster:Cluster"
PROVIDERS = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
SCHEDULE = "aws:scheduler/schedule:Schedule"
PIPE = "aws:pipes/pipe:Pipe"
JOB_RUNNER = "serverless-batch:job_runner:JobRunner"


def strategy(spot=None, on_demand=None, base=0):
    items = [] if spot is None else [{"capacityProvider": "FARGATE_SPOT", "weight": spot}]
    return items if on_demand is None else [*items, {"capacityProvider": "FARGATE", "weight": on_demand, "base": base}]


@pytest.mark.parametrize("type_", [SERVICE, TASK_SET])
@pytest.mark.parametrize(
    ("strategies", "share"),
    [(strategy(1), 100), (strategy(3, 1), 75), (strategy(1, 1), 50), (strategy(1, 3), 25), (strategy(None, 1), 0)],
)
def test_a_service_must_reach_the_least_spot_share(type_, strategies, share):
    service = make(type_, capacityProviderStrategies=strategies)
    for least in (0, 25, 50, 75, 100):
        if share >= least:
            passes("spot-ecs-service", service, minShare=least)
        else:
            assert f"puts {share} % of its tasks on Spot, and at least {least} %" in refused(
                "spot-ecs-service", service, minShare=least
            )


def test_weights_may_come_as_text_and_a_lone_provider_needs_no_weight():
    passes("spot-ecs-service", make(SERVICE, capacityProviderStrategies=strategy("2", "1")), minShare=60)
    passes("spot-ecs-service", make(SERVICE, capacityProviderStrategies=[{"capacityProvider": "FARGATE_SPOT"}]))
    refused("spot-ecs-service", make(SERVICE, capacityProviderStrategies=[{"capacityProvider": "FARGATE"}]))


def test_tasks_kept_on_demand_before_the_share_counts_are_limited():
    service = make(SERVICE, capacityProviderStrategies=strategy(9, 1, base=3))
    assert "first 3 tasks on demand, and at most 2 may be" in refused("spot-ecs-service", service, maxOnDemandBase=2)
    passes("spot-ecs-service", service, maxOnDemandBase=3)
    on_spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 5}]
    passes("spot-ecs-service", make(SERVICE, capacityProviderStrategies=on_spot))


@pytest.mark.parametrize("launch_type", ["FARGATE", "EC2", "MANAGED_INSTANCES"])
def test_a_launch_type_is_on_demand(launch_type):
    message = refused("spot-ecs-service", make(SERVICE, "web", launchType=launch_type))
    assert message.startswith(f"Service 'web' asks for the launch type {launch_type},")
    assert "capacityProviderStrategies with FARGATE_SPOT" in message


@pytest.mark.parametrize("launch_type", [None, "", "EXTERNAL"])
def test_no_launch_type_and_ones_own_machines_pass(launch_type):
    passes("spot-ecs-service", make(SERVICE, launchType=launch_type))


@pytest.mark.parametrize("strategies", ["FARGATE_SPOT", ["FARGATE_SPOT"], 7, {"weight": "much"}, strategy(-1), [None]])
def test_a_strategy_of_the_wrong_shape_is_refused(strategies):
    refused("spot-ecs-service", make(SERVICE, capacityProviderStrategies=strategies))


@pytest.mark.parametrize(
    "strategies",
    [UNKNOWN, [UNKNOWN], strategy(UNKNOWN), strategy(1, 1, UNKNOWN), [{"capacityProvider": UNKNOWN, "weight": 1}]],
)
def test_an_unknown_strategy_is_left_to_the_update(strategies):
    left_open("spot-ecs-service", make(SERVICE, capacityProviderStrategies=strategies))


def test_an_unknown_launch_type_is_left_to_the_update():
    left_open("spot-ecs-service", make(SERVICE, launchType=UNKNOWN))


def test_a_clusters_default_strategy_is_judged_like_a_services():
    default = make(PROVIDERS, "tasks", clusterName="c", defaultCapacityProviderStrategies=strategy(1, 3))
    assert "puts 25 % of its tasks on Spot" in refused("spot-ecs-cluster-default", default)
    passes("spot-ecs-cluster-default", default, minShare=25)
    left_open("spot-ecs-cluster-default", make(PROVIDERS, defaultCapacityProviderStrategies=UNKNOWN))


@pytest.mark.parametrize("default", [None, []])
def test_capacity_providers_without_a_default_strategy_are_refused(default):
    assert "no default strategy" in refused(
        "spot-ecs-cluster-default",
        make(PROVIDERS, capacityProviders=["FARGATE_SPOT"], defaultCapacityProviderStrategies=default),
    )


def test_a_cluster_may_carry_the_strategy_itself():
    passes("spot-ecs-cluster-default", make(CLUSTER))
    refused("spot-ecs-cluster-default", make(CLUSTER, defaultCapacityProviderStrategies=strategy(None, 1)))


def starting(type_, **ecs):
    return {
        TARGET: make(TARGET, arn="arn:aws:ecs:r:1:cluster/c", ecsTarget=ecs),
        SCHEDULE: make(SCHEDULE, target={"arn": "arn:aws:ecs:r:1:cluster/c", "ecsParameters": ecs}),
        PIPE: make(PIPE, target="arn:aws:ecs:r:1:cluster/c", targetParameters={"ecsTaskParameters": ecs}),
    }[type_]


@pytest.mark.parametrize("type_", [TARGET, SCHEDULE, PIPE])
def test_whatever_starts_a_task_starts_it_on_spot(type_):
    assert "launch type FARGATE" in refused("spot-scheduled-task", starting(type_, launchType="FARGATE"))
    assert "puts 0 %" in refused("spot-scheduled-task", starting(type_, capacityProviderStrategies=strategy(None, 1)))
    passes("spot-scheduled-task", starting(type_, capacityProviderStrategies=strategy(1)))
    left_open("spot-scheduled-task", starting(type_, launchType=UNKNOWN))
    left_open("spot-scheduled-task", starting(type_, capacityProviderStrategies=UNKNOWN))


@pytest.mark.parametrize(
    "resource", [make(TARGET, ecsTarget=UNKNOWN), make(SCHEDULE, target=UNKNOWN), make(PIPE, targetParameters=UNKNOWN)]
)
def test_an_unknown_target_may_be_a_task(resource):
    left_open("spot-scheduled-task", resource)


def test_targets_that_start_no_task_are_left_alone():
    for resource in (
        make(TARGET, arn="arn:aws:sqs:r:1:q"),
        make(SCHEDULE, target={"arn": "a"}),
        make(PIPE, target="a"),
    ):
        passes("spot-scheduled-task", resource)
        passes("spot-ecs-effective", resource)


def test_the_launcher_starts_each_workers_tasks_on_spot():
    api = make(JOB_RUNNER, "job-api", spotShares={"images": 100, "texts": 40})
    assert "starts 40 % of the tasks of the worker 'texts' on Spot" in refused("spot-launcher", api, minShare=50)
    passes("spot-launcher", api, minShare=40)


def test_a_launcher_that_does_not_say_its_shares_is_refused():
    refused("spot-launcher", make(JOB_RUNNER))
    refused("spot-launcher", make(JOB_RUNNER, spotShares={"images": "all"}))
    refused("spot-launcher", make(JOB_RUNNER, spotShares={"images": 101}))
    left_open("spot-launcher", make(JOB_RUNNER, spotShares=UNKNOWN))
    left_open("spot-launcher", make(JOB_RUNNER, spotShares={"images": UNKNOWN, "texts": 100}))


cluster = make(CLUSTER, "tasks", name="c", arn="arn:aws:ecs:r:1:cluster/c", id="arn:aws:ecs:r:1:cluster/c")
default = make(PROVIDERS, "tasks", clusterName="c", defaultCapacityProviderStrategies=strategy(1))


@pytest.mark.parametrize("reference", ["c", "arn:aws:ecs:r:1:cluster/c"])
def test_a_service_without_a_strategy_follows_its_clusters_default(reference):
    service = make(SERVICE, "web", cluster=reference)
    passes("spot-ecs-effective", service, cluster, default)
    assert "Cluster 'tasks' has no default strategy" in refused("spot-ecs-effective", service, cluster)
    assert "not declared in this stack" in refused("spot-ecs-effective", service)


@pytest.mark.parametrize("type_", [TARGET, SCHEDULE, PIPE])
def test_a_started_task_without_a_strategy_follows_its_clusters_default(type_):
    passes("spot-ecs-effective", starting(type_, taskDefinitionArn="t"), cluster, default)
    refused("spot-ecs-effective", starting(type_, taskDefinitionArn="t"), cluster)


def test_a_service_with_a_strategy_of_its_own_or_another_controller_needs_no_default():
    passes("spot-ecs-effective", make(SERVICE, capacityProviderStrategies=strategy(1)), cluster)
    passes("spot-ecs-effective", make(SERVICE, deploymentController={"type": "EXTERNAL"}), cluster)
    passes("spot-ecs-effective", make(SERVICE, launchType="EXTERNAL"), cluster)


def test_a_cluster_that_is_unknown_is_found_by_dependency():
    service = make(SERVICE, cluster=UNKNOWN, links={"cluster": [cluster]})
    passes("spot-ecs-effective", service, cluster, default)
    refused("spot-ecs-effective", service, cluster)
    unknown_owner = make(
        PROVIDERS, clusterName=UNKNOWN, links={"clusterName": [cluster]}, defaultCapacityProviderStrategies=strategy(1)
    )
    passes("spot-ecs-effective", service, cluster, unknown_owner)


def test_a_cluster_that_cannot_be_found_is_left_to_the_update():
    other = make(CLUSTER, "other", name="o")
    left_open("spot-ecs-effective", make(SERVICE, cluster=UNKNOWN), cluster, default)
    left_open(
        "spot-ecs-effective",
        make(SERVICE, cluster=UNKNOWN, links={"cluster": [cluster, other]}),
        cluster,
        other,
        default,
    )
    nobodys = make(PROVIDERS, clusterName=UNKNOWN, defaultCapacityProviderStrategies=strategy(1))
    left_open("spot-ecs-effective", make(SERVICE, cluster="c"), cluster, nobodys)


def test_a_launch_type_that_ecs_filled_in_does_not_hide_a_missing_default():
    # In a stack rule properties are outputs: at preview the provider marks what nobody set as unknown.
    for filled_in in ("EC2", UNKNOWN):
        service = make(SERVICE, cluster="c", launchType=filled_in, capacityProviderStrategies=UNKNOWN)
        assert "has no default strategy" in refused("spot-ecs-effective", service, cluster)


def test_every_fault_of_a_service_is_told_at_once():
    service = make(SERVICE, launchType="EC2", capacityProviderStrategies=strategy(1, 9, base=4))
    assert len(findings("spot-ecs-service", service)) == 3
