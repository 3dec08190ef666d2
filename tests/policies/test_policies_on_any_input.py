"""No rule fails, and none takes longer than it should, whatever the properties look like."""

import json
import time
from itertools import pairwise
from types import MappingProxyType

import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_cases import findings, make, urn
from pulumi_policy import proxy
from pulumi_policy.deserialize import deserialize_properties

from policies.adapter import plain
from policies.model import UNKNOWN, Resource, ResourceRule
from policies.rules import RULES

# Words that rules look for, so that random data gets far into them.
KEYS = st.sampled_from([
    "policy", "inlinePolicies", "assumeRolePolicy", "managedPolicyArns", "policyArn", "statements", "trust",
    "Statement", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition", "StringEquals",
    "iam:PassedToService", "AWS", "launchType", "cluster", "capacityProviderStrategies", "capacityProvider", "weight",
    "base", "defaultCapacityProviderStrategies", "clusterName", "ecsTarget", "target", "arn", "ecsParameters",
    "targetParameters", "ecsTaskParameters", "spotShares", "redrivePolicy", "deadLetterTargetArn", "maxReceiveCount",
    "redriveAllowPolicy", "redrivePermission", "sourceQueueArns", "queueUrl", "name", "fifoQueue", "deadLetterConfig",
    "onFailure", "destinationConfig", "retentionInDays", "logGroupClass", "deploymentController", "type",
    "computeEnvironmentOrders", "computeEnvironment", "order", "computeResources", "minVcpus", "environments",
    "spec", "template", "jobTemplate", "initContainers", "securityContext", "runAsUser", "volumes", "hostPath", "env",
    "value", "valueFrom", "resources", "requests", "limits", "memory", "activeDeadlineSeconds", "backoffLimit", "data",
    "labels", "workload-type", "metadata", "requirements", "key", "values", "instanceTypes", "scalingConfig", "minSize",
    "containerProperties", "ecsProperties", "taskProperties", "containers", "logConfiguration", "logDriver", "options",
    "policyArns", "roles", "role", "permissionsBoundary", "principal", "sourceArn", "condition", "NotPrincipal",
    "aws:SourceArn", "aws:SourceIp", "IpAddress", "StringNotEquals", "taskRoleArn", "executionRoleArn", "jobRoleArn",
    "accessPolicies", "policyDocument",
    "authorizationType", "endpointConfiguration", "types", "users", "groups", "group", "restApi", "stopConditions",
    "instanceRefresh", "Federated",
    "os", "windowsOptions", "hostProcess", "capabilities", "drop", "cpu", "ToleratedFailureCount", "url", "region",
    "allocationStrategy", "nodeSelector", "affinity", "nodeAffinity", "matchExpressions", "operator", "definition",
    "States", "Parameters", "CapacityProviderStrategy", "LaunchType", "containerDefinitions", "stopTimeout", "user",
    "retryStrategy", "attempts", "evaluateOnExits", "onStatusReason", "action", "platformVersion", "runtimePlatform",
    "operatingSystemFamily", "cpuArchitecture", "platformCapabilities", "taskDefinition", "nodeProperties",
    "environment", "variables", "environmentVariables", "privilegedMode", "source", "buildspec", "serviceRole",
    "sqsManagedSseEnabled", "blockDeviceMappings", "ebs", "encrypted", "encryptionType", "bucket", "blockPublicAcls",
    "aws:SecureTransport", "Bool", "imageScanningConfiguration", "eventSourceArn", "functionName", "tracingConfig",
    "apiStages", "stage", "stageName", "throttleSettings", "body", "paths", "security", "components",
    "securitySchemes", "httpMethod", "routeKey", "apiId", "networkConfiguration", "assignPublicIp",
    "networkInterfaces", "tags", "tagsAll", "defaultTags", "serverSideEncryption", "enabled",
    # Dead-letter queues and logs.
    "messageRetentionSeconds", "visibilityTimeoutSeconds", "maxReceives", "queueName", "eventSourceArn",
    "functionName", "functionResponseTypes", "batchSize", "maximumBatchingWindowInSeconds", "timeout", "targetArn",
    "onFailure", "destination", "lambdaFunctions", "lambdaFunctionArn", "principal", "function", "protocol",
    "endpoint", "invocationType", "definition", "States", "ItemProcessor", "Branches", "Retry", "Catch",
    "MaxAttempts", "Type", "namespace", "metricName", "dimensions", "QueueName", "metricQueries", "metric",
    "expression", "comparisonOperator", "threshold", "alarmActions", "actionsEnabled", "alarmRule", "alarmName",
    "alarms", "eventPattern", "detail-type", "containerDefinitions", "awslogs-group", "firelensConfiguration",
    "loggingConfiguration", "logDestination", "loggingConfig", "logGroup", "logsConfig", "cloudwatchLogs", "s3Logs",
    "status", "groupName", "accessLogSettings", "destinationArn", "format", "stageName", "enabledClusterLogTypes",
    "kmsKeyId", "namePrefix",
])  # fmt: skip
WORDS = st.sampled_from(
    ["Allow", "Deny", "*", "sqs:*", "sqs:SendMessage", "iam:PassRole", "FARGATE_SPOT", "FARGATE", "EXTERNAL", "x",
     "arn:aws:sqs:eu-central-1:123456789012:it", "arn:aws:iam::aws:policy/AdministratorAccess", "{", "[", "0", "1e999"]
)  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), WORDS)


def nested(leaves):
    def deeper(inner):
        return st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(KEYS, inner, max_size=4),
            inner.map(lambda value: json.dumps(value, default=lambda _: "unknown")),
        )

    return st.recursive(leaves, deeper, max_leaves=12)


TYPES = sorted({type_ for rule in RULES for type_ in rule.types})
ANYTHING = st.dictionaries(KEYS, nested(st.one_of(LEAVES, st.just(UNKNOWN))), max_size=5)
resources = st.builds(
    lambda type_, name, props, links: Resource(
        urn(type_, name), type_, name, props, {key: frozenset({urn(t, "it")}) for key, t in links.items()}
    ),
    st.sampled_from(TYPES),
    st.sampled_from(["it", "other"]),
    ANYTHING,
    st.dictionaries(KEYS, st.sampled_from(TYPES), max_size=2),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(resources, max_size=4))
def test_no_rule_fails_on_any_properties(stack):
    for rule in RULES:
        for finding in findings(rule.id, *stack):
            assert f"{rule.id} failed" not in finding.message, finding.message


@settings(max_examples=200, deadline=None)
@given(resources)
def test_no_remedy_fails_and_each_one_helps(resource):
    for rule in RULES:
        if isinstance(rule, ResourceRule) and rule.remedy and resource.type in rule.types:
            changes = rule.remedy(resource, rule.defaults)
            mended = make(resource.type, **{**resource.props, **changes})
            assert not [f for f in rule.check(mended, rule.defaults) if f.settled and changes]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@pytest.mark.parametrize("depth", [50, 90_000])
def test_no_rule_fails_on_deep_documents(rule, depth):
    deep = "[" * depth + "]" * depth
    keys = (
        "policy",
        "redrivePolicy",
        "statements",
        "trust",
        "assumeRolePolicy",
        "spotShares",
        "target",
        "retentionInDays",
    )
    for type_ in rule.types:
        for finding in findings(rule.id, make(type_, **dict.fromkeys(keys, deep))):
            assert f"{rule.id} failed" not in finding.message


LISTS = "\n".join(f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]" for before, name in pairwise("abcdefghij"))


@pytest.mark.parametrize(
    "resource",
    [
        make("aws:cloudwatch/compositeAlarm:CompositeAlarm", alarmRule="ALARM(" + " " * 10_000),
        make("aws:apigateway/restApi:RestApi", body="[" * 200_000),
        make("aws:apigateway/restApi:RestApi", body=f"a: &a [1]\n{LISTS}\nk: {{<<: *j}}"),
        make("aws:lambda/function:Function", environment={"variables": {"PASSWORD" * 50_000: "://:" * 250_000}}),
    ],
    ids=["spaces", "deep", "aliases", "names"],
)
def test_no_rule_takes_long_over_a_text_made_for_it(resource):
    begin = time.process_time()
    for rule in RULES:
        if resource.type in rule.types:
            assert all(len(finding.message) < 500 for finding in findings(rule.id, resource))
    assert time.process_time() - begin < 5


MARKERS = sorted(getattr(proxy, name) for name in dir(proxy) if name.startswith("UNKNOWN_"))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, nested(st.one_of(LEAVES.filter(lambda v: v == v), st.sampled_from(MARKERS))), max_size=5))
def test_the_sdks_proxies_become_plain_data(props):
    wire = json_format.MessageToDict(json_format.ParseDict(as_json(props), struct_pb2.Struct()))
    seen = plain(proxy.unknown_checking_proxy(deserialize_properties(wire)))
    assert seen == expected(as_json(props))


def as_json(value):
    """What survives protobuf: no infinities, no integers beyond a float."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) < 2**53:
        return 0
    return value


def expected(value):
    if isinstance(value, dict):
        return {key: expected(item) for key, item in value.items()}
    if isinstance(value, list):
        return [expected(item) for item in value]
    return UNKNOWN if isinstance(value, str) and value in MARKERS else value


def test_an_unknown_value_cannot_be_taken_for_a_truth():
    with pytest.raises(TypeError):
        bool(UNKNOWN)
    assert make("t", a=UNKNOWN).get("a", "b", "c") is UNKNOWN
    assert make("t", a=MappingProxyType({"b": 1})).get("a", "b") == 1
    assert make("t", a=7).get("a", "b") is None
