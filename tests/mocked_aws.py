"""An AWS account in memory, for the tests of code that calls AWS from this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from moto import mock_aws

# What a function's environment has for Powertools.
POWERTOOLS = {
    "POWERTOOLS_SERVICE_NAME": "functions-under-test",
    "POWERTOOLS_METRICS_NAMESPACE": "serverless-batch",
}


@contextmanager
def mocked_aws(region: str = "eu-central-1", **variables: str) -> Iterator[None]:
    """Clients that are made inside reach an empty account. variables: more of the environment, until it is over."""
    own = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": region}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        for name, value in (own | variables).items():
            patch.setenv(name, value)
        with mock_aws():
            yield
