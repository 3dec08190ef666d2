"""The job API: one function behind API Gateway for every operation of openapi.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError
from operations import OPERATIONS
from problems import MEDIA_TYPE, Problem, unavailable
from request import Request, Response
from services import Services

logger = Logger()
metrics = Metrics()
services = Services.from_environment(Path(__file__).parent)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Answers a REST API proxy event. Every refusal and failure is a problem document."""
    request = Request.from_event(event)
    logger.append_keys(request_id=request.id)
    response = _answer(request)
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    metrics.add_metric("Rejected", MetricUnit.Count, int(400 <= response.status < 500))
    metrics.add_metric("Errors", MetricUnit.Count, int(response.status >= 500))
    return response.to_gateway()


def _answer(request: Request) -> Response:
    try:
        operation = services.description.operation(request.path, request.method)
        metrics.add_dimension("operation", operation.id)
        return OPERATIONS[operation.id](services, operation, request)
    except Problem as problem:
        refused = problem
        logger.info("refused", status=problem.status, kind=problem.kind)
    except (ClientError, BotoCoreError):
        refused = unavailable()
        logger.exception("a service is unavailable")
    except Exception:
        refused = Problem(500, "internal-error", "The API failed. The error is logged under the request's id.")
        logger.exception("unexpected error")
    return Response(refused.status, refused.document(request.id), refused.headers, MEDIA_TYPE)
