"""Metric math as CloudWatch does it."""

from __future__ import annotations

import pytest

from sandbox.compute.metric_math import MathError, evaluate
from sandbox.compute.metrics import embedded
from sandbox.compute.queries import several

N = None
SERIES = {"a": [10.0, N, 4.0], "b": [2.0, 3.0, 0.0], "never": [N, N, N]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b", [12, N, 4]),
        ("a / b", [5, N, N]),  # nothing at a division by zero
        ("(a - 1) * 2", [18, N, 6]),
        ("-a", [-10, N, -4]),
        ("b ^ 2", [4, 9, 0]),
        ("FILL(a, 0)", [10, 0, 4]),
        ("FILL(a, b)", [10, 3, 4]),
        ("FILL(a, REPEAT)", [10, 10, 4]),
        ("FILL(never, 0)", [0, 0, 0]),
        ("IF(b > 0, a, 1)", [10, N, 1]),
        ("IF(b > 2, b)", [N, 3, N]),
        ("IF(a >= 4 AND b == 0, 1, 0)", [0, N, 1]),
        ("IF(b < 1 || b > 2, 1, 0)", [0, 1, 1]),
        ("IF(b <= 2 && b != 0, 1, 0)", [1, 0, 0]),
        ("ABS(b - a)", [8, N, 4]),
        ("CEIL(a / 4)", [3, N, 1]),
        ("FLOOR(a / 4)", [2, N, 1]),
        ("MAX([a, b])", [10, 3, 4]),
        ("MIN([a, b])", [2, 3, 0]),
        ("SUM([a, b])", [12, 3, 4]),
        ("MAX(a)", 10),
        ("AVG(b) + 1", 5 / 3 + 1),
        ("b / MAX(b)", [2 / 3, 1, 0]),
        # The declared ones: with no task, and with no word of the tasks, the divisor is 1.
        ("(a + b) / IF(FILL(never, 0) > 0, FILL(never, 0), 1)", [12, N, 4]),
        ("(a + b) / IF(FILL(b, 0) > 0, FILL(b, 0), 1)", [6, N, 4]),
        ("IF(a > 0 AND FILL(never, 0) < 1, 1, 0)", [1, N, 1]),
    ],
)
def test_expressions(expression: str, expected: object) -> None:
    assert evaluate(expression, SERIES) == pytest.approx(expected)


@pytest.mark.parametrize(
    "expression",
    [
        "c + 1",
        "MAX(a, b)",
        "MAX(1)",
        "FILL(1, 0)",
        "a +",
        "ROOT(a)",
        "__import__('os')",
        "a.b",
        "a[0]",
        "'x'",
        "a if b else 1",
    ],
)
def test_what_cloudwatch_would_refuse_is_refused(expression: str) -> None:
    with pytest.raises(MathError):
        evaluate(expression, SERIES)


def test_queries_need_one_that_returns_data() -> None:
    metric = {"namespace": "n", "metricName": "m", "stat": "Sum", "period": 60}
    with pytest.raises(MathError, match="exactly one"):
        several([{"id": "a", "metric": metric}, {"id": "b", "metric": metric}])
    with pytest.raises(MathError, match="no metric c"):
        several([{"id": "a", "metric": metric, "returnData": False}, {"id": "e", "expression": "c"}])


def test_embedded_metrics_are_read_with_their_dimensions() -> None:
    line = (
        '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "ns", "Dimensions": [["Queue"], ["Queue", "W"]],'
        ' "Metrics": [{"Name": "Backlog", "Unit": "Count"}]}]}, "Queue": "q", "W": "w", "Backlog": [3, 4]}'
    )
    assert list(embedded(line)) == [
        ("ns", "Backlog", {"Queue": "q"}, 3.0),
        ("ns", "Backlog", {"Queue": "q"}, 4.0),
        ("ns", "Backlog", {"Queue": "q", "W": "w"}, 3.0),
        ("ns", "Backlog", {"Queue": "q", "W": "w"}, 4.0),
    ]
    assert list(embedded('{"message": "_aws is no metric"}')) == []
    assert list(embedded('{"_aws": {}}')) == []


def test_an_expression_may_refer_to_another() -> None:
    metric = {"id": "a", "metric": {"namespace": "n", "metricName": "m", "stat": "Sum"}, "returnData": False}
    half = {"id": "half", "expression": "FILL(a, 4) / 2", "returnData": False}
    queries = several([{"id": "all", "expression": "half + half"}, half, metric])
    assert queries._resolved({"a": [2.0, N]}, 2)["all"] == [2, 4]
    with pytest.raises(MathError, match="each other"):
        several([{"id": "x", "expression": "y + 1"}, {"id": "y", "expression": "x + 1", "returnData": False}])
