import json

import pytest
from policy_cases import findings, left_open, make, passes, refused

from policies.model import UNKNOWN

QUEUE = "aws:sqs/queue:Queue"
ARN = "arn:aws:sqs:eu-central-1:123456789012:"
URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/"


def redrive(target, receives=5):
    return json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": receives})


def queue(name="jobs", **props):
    return make(QUEUE, name, **({"name": name} | props))


dlq = queue("jobs-dlq")


def test_a_queue_without_a_dead_letter_queue_is_refused():
    message = refused("sqs-dlq", queue())
    assert message.startswith("Queue 'jobs' has no dead-letter queue: ")
    assert "Set redrivePolicy to" in message


def test_a_queue_and_its_dead_letter_queue_pass():
    passes("sqs-dlq", queue(redrivePolicy=redrive(ARN + "jobs-dlq")), dlq)
    passes("sqs-dlq", queue(redrivePolicy={"deadLetterTargetArn": ARN + "jobs-dlq", "maxReceiveCount": "5"}), dlq)


def test_queues_are_known_by_their_arn_where_they_have_no_name_yet():
    target = make(QUEUE, "dlq", arn=ARN + "dlq-1a2b3c")
    passes("sqs-dlq", queue(redrivePolicy=redrive(ARN + "dlq-1a2b3c")), target)


def test_a_dead_letter_queue_of_another_stack_is_enough():
    passes("sqs-dlq", queue(redrivePolicy=redrive(ARN + "elsewhere")))


def test_an_unknown_redrive_policy_is_proven_by_its_dependency():
    source = queue(redrivePolicy=UNKNOWN, links={"redrivePolicy": [dlq]})
    passes("sqs-dlq", source, dlq)


def test_an_unknown_redrive_policy_that_hangs_on_several_queues_or_none_is_left_to_the_update():
    other = queue("other", redrivePolicy=redrive(ARN + "jobs-dlq"))
    left_open("sqs-dlq", queue(redrivePolicy=UNKNOWN, links={"redrivePolicy": [dlq, other]}), dlq, other)
    topic = make("aws:sns/topic:Topic")
    left_open("sqs-dlq", queue(redrivePolicy=UNKNOWN, links={"redrivePolicy": [topic]}), topic)


def test_a_redrive_policy_that_only_the_provider_marks_as_unknown_was_not_given():
    # At preview the provider's outputs hold an unknown for what nobody set; it depends on nothing.
    assert "has no dead-letter queue" in refused("sqs-dlq", queue(redrivePolicy=UNKNOWN, redriveAllowPolicy=UNKNOWN))


@pytest.mark.parametrize("policy", ["{broken", "[]", 7, '"text"', '{"a": '])
def test_a_redrive_policy_that_cannot_be_read_is_refused(policy):
    assert "no JSON object" in refused("sqs-dlq", queue(redrivePolicy=policy))


@pytest.mark.parametrize("target", [None, "", 7, "jobs-dlq", "arn:aws:sns:eu-central-1:1:jobs-dlq"])
def test_a_redrive_policy_that_names_no_queue_is_refused(target):
    assert "names no queue" in refused(
        "sqs-dlq", queue(redrivePolicy=redrive(target)), queue("jobs-dlq-2", redrivePolicy=redrive(ARN + "x"))
    )


@pytest.mark.parametrize("receives", [None, 0, -1, 1001, "many", True])
def test_the_number_of_receives_must_be_given(receives):
    assert "Set maxReceiveCount" in refused("sqs-dlq", queue(redrivePolicy=redrive(ARN + "jobs-dlq", receives)), dlq)


def test_a_queue_that_is_its_own_dead_letter_queue_is_refused():
    assert "its own dead-letter queue" in refused("sqs-dlq", queue(redrivePolicy=redrive(ARN + "jobs")))


@pytest.mark.parametrize("proof", ["name", "dependency"])
def test_both_queues_must_be_of_one_kind(proof):
    by_dependency = {"redrivePolicy": UNKNOWN, "links": {"redrivePolicy": [dlq]}}
    policy = {"redrivePolicy": redrive(ARN + "jobs-dlq")} if proof == "name" else by_dependency
    fifo = make(QUEUE, "jobs", name="jobs.fifo", fifoQueue=True, **policy)
    assert "is a FIFO queue and its dead-letter queue is a standard queue" in refused("sqs-dlq", fifo, dlq)
    assert "is a standard queue and its dead-letter queue is a FIFO" in refused(
        "sqs-dlq", queue(redrivePolicy=redrive(ARN + "elsewhere.fifo"))
    )
    odd = queue("jobs-dlq", fifoQueue=UNKNOWN)
    left_open("sqs-dlq", queue(redrivePolicy=redrive(ARN + "jobs-dlq")), odd)


def test_the_redrive_policy_may_be_a_resource_of_its_own():
    alone = "aws:sqs/redrivePolicy:RedrivePolicy"
    passes("sqs-dlq", queue(), dlq, make(alone, queueUrl=URL + "jobs", redrivePolicy=redrive(ARN + "jobs-dlq")))
    source = queue()
    linked = make(alone, queueUrl=UNKNOWN, redrivePolicy=UNKNOWN, links={"queueUrl": [source], "redrivePolicy": [dlq]})
    passes("sqs-dlq", source, dlq, linked)
    broken = make(alone, queueUrl=URL + "jobs", redrivePolicy="{")
    assert "no JSON object" in refused("sqs-dlq", queue(), broken)
    nobodys = make(alone, queueUrl=UNKNOWN, redrivePolicy=redrive(ARN + "jobs-dlq"))
    left_open("sqs-dlq", queue(), dlq, nobodys)


def allow(*sources):
    return json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": list(sources or [ARN + "elsewhere"])})


def test_a_queue_that_names_its_sources_takes_dead_letters():
    passes("sqs-dlq", queue(redriveAllowPolicy=allow()))
    passes(
        "sqs-dlq",
        queue(),
        make("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", queueUrl=URL + "jobs", redriveAllowPolicy=allow()),
    )
    refused("sqs-dlq", queue(redriveAllowPolicy=json.dumps({"redrivePermission": "allowAll"})))
    source = queue("source", redrivePolicy=redrive(ARN + "x"))
    left_open("sqs-dlq", queue(redriveAllowPolicy=UNKNOWN, links={"redriveAllowPolicy": [source]}), source)


USERS = {
    "function": ("aws:lambda/function:Function", lambda t: {"deadLetterConfig": {"targetArn": t}}),
    "asynchronous invocation": (
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        lambda t: {"destinationConfig": {"onFailure": {"destination": t}}},
    ),
    "event source mapping": (
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        lambda t: {"destinationConfig": {"onFailure": {"destinationArn": t}}},
    ),
    "event rule": ("aws:cloudwatch/eventTarget:EventTarget", lambda t: {"deadLetterConfig": {"arn": t}}),
    "event bus": ("aws:cloudwatch/eventBus:EventBus", lambda t: {"deadLetterConfig": {"arn": t}}),
    "schedule": ("aws:scheduler/schedule:Schedule", lambda t: {"target": {"arn": "x", "deadLetterConfig": {"arn": t}}}),
    "pipe from a stream": (
        "aws:pipes/pipe:Pipe",
        lambda t: {"sourceParameters": {"kinesisStreamParameters": {"deadLetterConfig": {"arn": t}}}},
    ),
    "subscription": (
        "aws:sns/topicSubscription:TopicSubscription",
        lambda t: {"redrivePolicy": t if t is UNKNOWN else json.dumps({"deadLetterTargetArn": t})},
    ),
    "IoT rule": ("aws:iot/topicRule:TopicRule", lambda t: {"errorAction": {"sqs": {"queueUrl": t, "roleArn": "r"}}}),
}


@pytest.mark.parametrize("user", USERS)
def test_a_queue_that_takes_the_dead_letters_of_something_else_is_no_bare_queue(user):
    type_, props = USERS[user]
    reference = URL + "failures" if user == "IoT rule" else ARN + "failures"
    failures = queue("failures")
    passes("sqs-dlq", failures, make(type_, **props(reference)))
    unknown = props(UNKNOWN)
    passes("sqs-dlq", failures, make(type_, **unknown, links={next(iter(unknown)): [failures]}))
    refused("sqs-dlq", failures, make(type_, **props(ARN + "others")))


def test_a_queue_that_is_only_a_target_is_a_bare_queue():
    pipe = make("aws:pipes/pipe:Pipe", target=ARN + "jobs", source="s")
    assert "has no dead-letter queue" in refused("sqs-dlq", queue(), pipe)
    source = queue()
    unknown = make("aws:pipes/pipe:Pipe", target=UNKNOWN, links={"target": [source]})
    assert "has no dead-letter queue" in refused("sqs-dlq", source, unknown)


def test_of_two_queues_behind_one_unknown_property_either_may_take_dead_letters():
    target, failures = queue("target", redrivePolicy=redrive(ARN + "x")), queue("failures")
    schedule = make(
        "aws:scheduler/schedule:Schedule",
        target={"arn": UNKNOWN, "deadLetterConfig": {"arn": UNKNOWN}},
        links={"target": [target, failures]},
    )
    left_open("sqs-dlq", failures, target, schedule)


def test_a_schedules_target_that_is_unknown_as_a_whole_leaves_its_queue_open():
    failures, other = queue("failures"), queue("other", redrivePolicy=redrive(ARN + "x"))
    whole = make("aws:scheduler/schedule:Schedule", target=UNKNOWN, links={"target": [failures, other]})
    left_open("sqs-dlq", failures, other, whole)


def test_every_bare_queue_is_told():
    assert len(findings("sqs-dlq", queue("a"), queue("b"), queue("c", redrivePolicy=redrive(ARN + "a")))) == 1
