"""The topic that people listen to, and the alarms that speak on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.metric import Metric
from components.permissions import alarms_publish, document, events_publish
from components.site import Site


class Alerts(pulumi.ComponentResource):
    """A topic with its e-mail subscribers; every alarm of the stack has it as its action."""

    def __init__(
        self,
        name: str,
        site: Site,
        emails: Sequence[str],
        *,
        rule_arns: Sequence[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ):
        """rule_arns: of event rules that speak on the topic, too."""
        self._site = site
        self.arn = site.arn("sns", site.name(name))
        super().__init__("serverless-batch:alerts:Alerts", name, {"emails": list(emails)}, opts)
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(name, name=site.name(name), opts=child)
        statements = alarms_publish(site, self.arn)
        statements += [events_publish(self.arn, rule_arns)] if rule_arns else []
        aws.sns.TopicPolicy(name, arn=topic.arn, policy=document(statements), opts=child)
        for email in emails:
            aws.sns.TopicSubscription(f"{name}-{email}", topic=topic.arn, protocol="email", endpoint=email, opts=child)
        self.topic_arn: pulumi.Output[str] = topic.arn
        self.register_outputs({"topicArn": self.topic_arn})

    def when_more_than(
        self,
        threshold: float,
        name: str,
        *,
        namespace: str,
        metric: str,
        dimensions: Mapping[str, pulumi.Input[str]],
        description: str,
        statistic: str = "Sum",
        period: int = 60,
        periods: int = 1,
        parent: pulumi.Resource,
    ) -> aws.cloudwatch.MetricAlarm:
        """Alarm as soon as the statistic of a metric has been above the threshold for so many periods of `period` s."""
        return self._alarm(
            name,
            parent,
            namespace=namespace,
            metric_name=metric,
            dimensions=dict(dimensions),
            statistic=statistic,
            period=period,
            evaluation_periods=periods,
            threshold=threshold,
            alarm_description=description,
        )

    def when_true(
        self,
        expression: str,
        name: str,
        *,
        metrics: Mapping[str, Metric],
        description: str,
        period: int = 60,
        periods: int = 1,
        parent: pulumi.Resource,
    ) -> aws.cloudwatch.MetricAlarm:
        """Alarm as soon as a metric math expression over `metrics` has been above 0 for so many periods."""
        condition = {"id": "condition", "expression": expression, "label": name, "return_data": True}
        return self._alarm(
            name,
            parent,
            metric_queries=[condition, *(metrics[key].watched(key, period) for key in sorted(metrics))],
            evaluation_periods=periods,
            threshold=0,
            alarm_description=description,
        )

    def _alarm(self, name: str, parent: pulumi.Resource, **condition: Any) -> aws.cloudwatch.MetricAlarm:
        """No data means that nothing happened: no alarm."""
        return aws.cloudwatch.MetricAlarm(
            name,
            name=self._site.name(name),
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            opts=pulumi.ResourceOptions(parent=parent),
            **condition,
        )
