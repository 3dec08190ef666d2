"""Functions and what invokes them."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates


@creates("aws:lambda/function:Function")
def function(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.compute.functions.add(name, inputs)
    return {}


@creates("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig")
def event_invoke_config(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.compute.asynchronous.set_retries(inputs["functionName"], int(inputs["maximumRetryAttempts"]))
    return {}


@creates("aws:lambda/eventSourceMapping:EventSourceMapping")
def event_source_mapping(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.compute.sources.map_queue(inputs)
    return {}


@creates("aws:pipes/pipe:Pipe")
def pipe(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.compute.sources.pipe_stream(inputs)
    return {}
