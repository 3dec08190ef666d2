"""The topic that people listen to, and the alarms that speak on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from components.permissions import alarms_publish, document
from components.site import Site


class Alerts(pulumi.ComponentResource):
    """A topic with its e-mail subscribers; every alarm of the stack has it as its action."""

    def __init__(self, name: str, site: Site, emails: Sequence[str], opts: pulumi.ResourceOptions | None = None):
        self._site = site
        self.arn = site.arn("sns", site.name(name))
        super().__init__("serverless-batch:alerts:Alerts", name, {"emails": list(emails)}, opts)
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(name, name=site.name(name), opts=child)
        aws.sns.TopicPolicy(name, arn=topic.arn, policy=document(alarms_publish(site, self.arn)), opts=child)
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
        parent: pulumi.Resource,
    ) -> aws.cloudwatch.MetricAlarm:
        """Alarm as soon as one minute's statistic is above the threshold. No data means nothing happened: no alarm."""
        return aws.cloudwatch.MetricAlarm(
            name,
            name=self._site.name(name),
            alarm_description=description,
            namespace=namespace,
            metric_name=metric,
            dimensions=dict(dimensions),
            statistic=statistic,
            period=60,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=threshold,
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            opts=pulumi.ResourceOptions(parent=parent),
        )
