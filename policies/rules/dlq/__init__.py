"""Dead-letter queues: what cannot be processed is kept, and nothing goes round for ever."""

from policies.model import Rule
from policies.rules.dlq import (
    alarm,
    allow_policy,
    async_failure,
    esm_partial_batch,
    esm_visibility,
    fifo_match,
    max_receive,
    retention,
    retry_catch,
    schedule_retry,
    sqs_dlq,
    subscription_dlq,
    target_dlq,
)

RULES: tuple[Rule, ...] = (
    sqs_dlq.RULE, fifo_match.RULE, max_receive.RULE, retention.RULE, allow_policy.RULE, alarm.RULE,
    esm_visibility.RULE, esm_partial_batch.RULE, async_failure.RULE,
    target_dlq.RULE, schedule_retry.RULE, subscription_dlq.RULE, retry_catch.RULE,
)  # fmt: skip
