import pytest
from policy_cases import left_open, make, passes, refused

from policies.model import UNKNOWN

TARGET = "aws:cloudwatch/eventTarget:EventTarget"
SCHEDULE = "aws:scheduler/schedule:Schedule"
PIPE = "aws:pipes/pipe:Pipe"
ARN = "arn:aws:sqs:eu-central-1:123456789012:undelivered"


def target(config):
    return make(TARGET, "uploads", arn="arn:aws:lambda:r:1:function:f", deadLetterConfig=config)


def schedule(config):
    return make(SCHEDULE, "each-minute", target={"arn": "arn:aws:lambda:r:1:function:f", "deadLetterConfig": config})


def pipe(config, stream="dynamodbStreamParameters"):
    return make(PIPE, "changes", source="s", sourceParameters={stream: {"deadLetterConfig": config}})


all_three = pytest.mark.parametrize("declare", [target, schedule, pipe])


@all_three
def test_what_cannot_be_delivered_goes_to_a_dead_letter_queue(declare):
    passes("target-dlq", declare({"arn": ARN}))


@all_three
@pytest.mark.parametrize("config", [None, {}, {"arn": None}, {"arn": ""}])
def test_without_a_dead_letter_queue_it_is_lost(declare, config):
    message = refused("target-dlq", declare(config))
    assert "has no dead-letter queue: what cannot be delivered in time is lost" in message
    assert "deadLetterConfig.arn." in message


def test_a_message_names_the_resource_and_the_property():
    assert refused("target-dlq", schedule(None)).startswith("Schedule 'each-minute' has no dead-letter queue")
    assert "in target.deadLetterConfig.arn." in refused("target-dlq", schedule(None))
    kinesis = refused("target-dlq", pipe(None, "kinesisStreamParameters"))
    assert "in sourceParameters.kinesisStreamParameters.deadLetterConfig.arn." in kinesis


@all_three
@pytest.mark.parametrize("config", [UNKNOWN, {"arn": UNKNOWN}])
def test_an_arn_that_is_unknown_was_given(declare, config):
    passes("target-dlq", declare(config))


@pytest.mark.parametrize(
    "resource",
    [
        make(SCHEDULE, target=UNKNOWN),
        make(PIPE, sourceParameters=UNKNOWN),
        make(PIPE, sourceParameters={"dynamodbStreamParameters": UNKNOWN}),
    ],
)
def test_what_is_unknown_as_a_whole_is_left_to_the_update(resource):
    left_open("target-dlq", resource)


@pytest.mark.parametrize("parameters", [None, {}, {"sqsQueueParameters": {"batchSize": 10}}])
def test_a_pipe_from_a_queue_needs_none_of_its_own(parameters):
    passes("target-dlq", make(PIPE, source="arn:aws:sqs:r:1:q", sourceParameters=parameters))
