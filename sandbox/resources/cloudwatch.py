"""Alarms, and EventBridge's rules with their targets, which Pulumi counts among CloudWatch's."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates


@creates("aws:cloudwatch/metricAlarm:MetricAlarm")
def metric_alarm(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Moto shows it, the sandbox evaluates it: from when moto knows it."""
    watched: dict[str, Any] = {"Metrics": [_query(item) for item in inputs.get("metricQueries") or []]}
    if not watched["Metrics"]:
        watched = {
            "Namespace": inputs["namespace"],
            "MetricName": inputs["metricName"],
            "Statistic": inputs["statistic"],
            "Period": int(inputs["period"]),
            "Dimensions": [{"Name": key, "Value": value} for key, value in (inputs.get("dimensions") or {}).items()],
        }
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        AlarmDescription=inputs.get("alarmDescription", ""),
        AlarmActions=inputs.get("alarmActions") or [],
        ComparisonOperator=inputs["comparisonOperator"],
        EvaluationPeriods=int(inputs["evaluationPeriods"]),
        Threshold=float(inputs["threshold"]),
        TreatMissingData=inputs.get("treatMissingData") or "missing",
        **watched,
    )
    cloud.client("cloudwatch").set_alarm_state(
        AlarmName=name, StateValue="INSUFFICIENT_DATA", StateReason="Unchecked: Initial alarm creation"
    )
    cloud.compute.alarms.add(name, inputs)
    return {"id": name}


@creates("aws:cloudwatch/eventRule:EventRule")
def event_rule(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.compute.events.add_rule(name, inputs)
    return {"id": name, "arn": f"arn:aws:events:{cloud.region}:123456789012:rule/{name}"}


@creates("aws:cloudwatch/eventTarget:EventTarget")
def event_target(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.compute.events.add_target(inputs)
    return {}


def _query(item: dict[str, Any]) -> dict[str, Any]:
    common = {"Id": item["id"], "ReturnData": bool(item.get("returnData", True))}
    if item.get("expression"):
        return {**common, "Expression": item["expression"], "Label": item.get("label", item["id"])}
    metric = item["metric"]
    dimensions = [{"Name": key, "Value": value} for key, value in (metric.get("dimensions") or {}).items()]
    named = {"Namespace": metric["namespace"], "MetricName": metric["metricName"], "Dimensions": dimensions}
    return {**common, "MetricStat": {"Metric": named, "Period": int(metric["period"]), "Stat": metric["stat"]}}
