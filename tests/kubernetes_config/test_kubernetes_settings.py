from __future__ import annotations

import pytest

from components.kubernetes_settings import NODE_VCPU, VERSIONS, vcpus

KEY = "Pulumi.dev.yaml:3: serverless-batch:kubernetes"


def new(**said: str) -> str:
    inside = ", ".join(f"{key}: {value}" for key, value in said.items())
    return f"{{cluster: {{new: {{{inside}}}}}}}"


def test_an_existing_cluster_needs_nothing_but_its_name(settings) -> None:
    kubernetes = settings().kubernetes
    assert kubernetes.cluster.existing == "data-platform"
    assert kubernetes.namespace_in("dev") == "serverless-batch-dev"
    assert (kubernetes.identity, kubernetes.secrets) == ("irsa", "csi")
    assert (kubernetes.quota.vcpu, kubernetes.quota.memory_mib, kubernetes.quota.pods) == (64, 256 * 1024, 200)


def test_a_new_cluster_is_private_on_spot_and_of_one_architecture(settings) -> None:
    kubernetes = settings(new()).kubernetes
    made = kubernetes.cluster.new
    assert (made.version, made.compute, made.max_nodes) == (VERSIONS[-2], "managed", 10)
    assert (made.endpoint.private, made.endpoint.public) == (True, ())
    assert (len(made.instance_types), made.architecture) == (3, "arm64")
    assert kubernetes.identity == "pod-identity"


@pytest.mark.parametrize(("name", "count"), [("m7g.large", 2), ("c7g.xlarge", 4), ("r8g.48xlarge", 192)])
def test_the_size_of_an_instance_says_its_vcpus(name: str, count: int) -> None:
    assert vcpus(name) == count


@pytest.mark.parametrize(
    ("kubernetes", "expected"),
    [
        ("{cluster: {}}", ".cluster: must be either {existing: <its name>} or {new: {…}}"),
        ("{cluster: {existing: a, new: {}}}", ".cluster: must be either {existing: <its name>} or {new: {…}}"),
        ("{cluster: {existing: 'a b'}}", ".cluster.existing: 'a b' is not a cluster's name"),
        ("{cluster: {existing: a}, namespace: kube-system}", ".namespace: 'kube-system' is taken in every cluster"),
        ("{cluster: {existing: a}, namespace: default}", ".namespace: 'default' is taken in every cluster"),
        ("{cluster: {existing: a}, namespace: Batch_Jobs}", ".namespace: 'Batch_Jobs' is not a namespace"),
        ("{cluster: {existing: a}, quota: {memory: 1 GBB}}", ".quota.memory: '1 GBB' has an unknown unit; write for "
         "example 512 MB or 1 GB"),
        ("{cluster: {existing: a}, quota: {memory: 64}}", ".quota.memory: 64 is a size without a unit"),
        ("{cluster: {existing: a}, quota: {vcpu: 0}}", ".quota.vcpu: must be more than 0"),
        ("{cluster: {existing: a}, egressPorts: [0]}", ".egressPorts[0]: must be at least 1"),
        ("{cluster: {existing: a}, secrets: external-secrets, identity: pod-identity}",
         ".secrets: 'external-secrets' reads with a worker's own role only where identity is irsa"),
        ("{cluster: {existing: a}, identity: IRSA}", ".identity: 'IRSA' is not allowed; nearest: 'irsa'"),
        (new(version="'1.20'"), ".cluster.new.version: '1.20' is not a version that EKS supports at its standard"),
        (new(version="1.35"), ".cluster.new.version: must be text, not 1.35; write it in quotes"),
        (new(instanceTypes="[m7g.large, m6g.large]"), ".instanceTypes: names 2, and at least 3 are needed"),
        (new(instanceTypes="[m7g.large, m7g.large, m7g.large]"), ".instanceTypes: names 1, and at least 3"),
        (new(instanceTypes="[m7g.large, m6g.large, m7i.large]"), ".instanceTypes: mixes architectures, and an image "
         "is for one: m7g.large is arm64, m6g.large is arm64, m7i.large is x86_64"),
        (new(instanceTypes="[m7g.large, m6g.large, mg7.large]"), ".instanceTypes[2]: 'mg7.large' is not of a family"),
        (new(instanceTypes="[m7g.large, m6g.large, m7g.huge]"), ".instanceTypes[2]: 'm7g.huge' is not a size of m7g"),
        (new(instanceTypes="[m7g.large, m6g.large, m7g.99xlarge]"), "'m7g.99xlarge' is not a size of m7g"),
        (new(endpoint="{public: [203.0.113.1/24]}"), ".endpoint.public[0]: '203.0.113.1/24' is an address inside a "
         "network; nearest: '203.0.113.0/24'"),
        (new(endpoint="{private: false}"), ".endpoint: has private: false, so that its nodes come from outside"),
        (new(endpoint="{private: false, public: [203.0.113.0/24]}"), ".endpoint: has private: false"),
        (new(admins="[me]"), ".admins[0]: 'me' is not the ARN of a role or a user"),
        (new(maxNodes="0"), ".maxNodes: must be at least 1"),
        (new(compute="fargate"), ".compute: 'fargate' is not allowed; allowed: managed, auto"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_line_and_what_would_be_right(
    problems, kubernetes: str, expected: str
) -> None:
    [problem] = problems(kubernetes)
    assert problem.startswith(KEY)
    assert expected in problem


def test_an_api_that_the_whole_world_reaches_must_be_asked_for(settings) -> None:
    endpoint = settings(new(endpoint="{private: false, public: [0.0.0.0/0]}")).kubernetes.cluster.new.endpoint
    assert endpoint.public == ("0.0.0.0/0",)


def test_a_worker_without_a_cluster_says_what_to_write(problems) -> None:
    [problem] = problems("")
    assert "workers.etl: has trigger 'kubernetes', and the stack says of no cluster; write for example" in problem


def test_two_stacks_cannot_make_one_namespace_in_one_cluster(settings, problems) -> None:
    mine = "{cluster: {existing: shared}, namespace: batch}"
    [problem] = problems(mine, others={"prod": mine})
    assert problem.startswith(f"{KEY}.namespace: 'batch' is already taken in the cluster shared, by the stack 'prod'")
    settings(mine, others={"prod": "{cluster: {existing: other}, namespace: batch}"})
    settings(mine, others={"prod": "{cluster: {existing: shared}}"})


def test_a_pod_that_no_quota_or_node_has_room_for_is_refused(problems) -> None:
    [problem] = problems("{cluster: {existing: a}, quota: {vcpu: 0.5}}")
    assert "workers.etl: could never start: its size is more than the quota of all pods: 1 vCPU with 2 GB" in problem
    small = new(instanceTypes="[m7g.medium, m6g.medium, m7g.large]")
    [problem] = problems(small)
    assert "its size does not fit into m7g.medium, m6g.medium, where a node keeps some for itself" in problem
    assert vcpus("m7g.medium") - NODE_VCPU < 1


def test_auto_mode_picks_an_instance_that_is_large_enough(settings) -> None:
    settings(new(compute="auto", instanceTypes="[m7g.medium, m6g.medium, m7g.large]"))


def test_the_nodes_are_of_the_workers_architecture(problems) -> None:
    [problem] = problems(new(instanceTypes="[m7i.large, m7a.large, m6i.large]"))
    assert "is for arm64, and the nodes of the new cluster are x86_64" in problem


def test_managed_nodes_need_a_way_out(problems, settings) -> None:
    [problem] = problems(new(), network="{mode: private-endpoints}")
    assert ".cluster.new.compute: needs images of the cluster autoscaler" in problem
    settings(new(compute="auto"), network="{mode: private-endpoints}")
