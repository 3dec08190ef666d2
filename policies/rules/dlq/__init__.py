"""Dead-letter queues: what cannot be processed is kept, and nothing goes round for ever."""

from policies.model import Rule
from policies.rules.dlq import schedule_retry, sqs_dlq, target_dlq

RULES: tuple[Rule, ...] = (sqs_dlq.RULE, target_dlq.RULE, schedule_retry.RULE)
