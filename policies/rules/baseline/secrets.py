"""What a variable looks like that holds a secret, by its name and by its value."""

from __future__ import annotations

import re
from typing import Any

NAMES = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN(?!IZ)|API_?KEY|PRIVATE_?KEY|CREDENTIAL", re.IGNORECASE)
# What a variable says of a secret without being one: where it is, or how long it counts.
ABOUT = re.compile(r"_(ARN|NAME|FILE|PATH|ID|URI|URL|TTL|SECONDS|HEADER|TABLE)$", re.IGNORECASE)
# A password in a URL, an AWS access key, a private key, tokens of Slack and GitHub.
VALUES = re.compile(
    r"://[^/@\s:]*:[^/@\s]+@|\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bxox[abp]-|\bgh[ps]_\w{36}"
)
HARMLESS = re.compile(r"|\d+(\.\d+)?|true|false|arn:[\w-]+:.*", re.IGNORECASE | re.DOTALL)


def told_by(name: Any) -> bool:
    """Whether the name of a variable says that it holds a secret."""
    return isinstance(name, str) and NAMES.search(name) is not None and ABOUT.search(name) is None


def is_secret(value: Any) -> bool:
    """Whether a value looks like one, whatever it is called."""
    return isinstance(value, str) and VALUES.search(value) is not None


def may_be_secret(value: Any) -> bool:
    """Whether a value may be what its variable's name says: numbers, flags and ARNs are not."""
    return value is not None and not (isinstance(value, bool | int | float) or HARMLESS.fullmatch(str(value)))
