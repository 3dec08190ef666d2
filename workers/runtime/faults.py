"""Whose fault a failed call of AWS is."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
)

THROTTLED = {
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
}

AwsError = (ClientError, BotoCoreError)
_UNREACHABLE = (ConnectionError, HTTPClientError, IncompleteReadError, NoCredentialsError, CredentialRetrievalError)


def is_service_fault(error: BaseException) -> bool:
    """Whether the service was not there, broken or throttling: the same call may succeed later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or error_code(error) in THROTTLED
    return isinstance(error, _UNREACHABLE)


def error_code(error: ClientError) -> str:
    """Its code without the namespace that some services put before it."""
    return error.response["Error"].get("Code", "").rpartition(".")[2]
