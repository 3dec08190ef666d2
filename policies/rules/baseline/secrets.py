"""What a variable looks like that holds a secret, by its name and by its value."""

from __future__ import annotations

import re
from typing import Any

NAMES = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN(?!IZ)|(API|PRIVATE|ACCESS|SIGNING)_?KEY|CREDENTIAL|(^|_)PASS$|_PWD$",
    re.IGNORECASE,
)
# What a variable says of a secret without being one: where it is, who made it, what it is like, or how long it counts.
ABOUT = re.compile(
    r"(_|(?<=[a-z])(?=[A-Z]))(?i:ARN|NAME|ID|FILE|PATH|DIR|URI|URL|ENDPOINT|HOST|PORT|REGION|STAGE|PREFIX|BUCKET|TABLE|"
    r"QUEUE|TOPIC|PARAM|PARAMETER|STORE|PROVIDER|ISSUER|AUDIENCE|SCOPES?|HEADER|ALGORITHM|TYPE|MODE|POLICY|LEVEL|"
    r"VERSION|LENGTH|LIMIT|TTL|EXPIRY|EXPIRATION|SECONDS|MINUTES|HOURS|DAYS)$"
)
# A password in a URL, an AWS access key, a private key, tokens of Slack, GitHub, GitLab and Stripe.
VALUES = re.compile(
    r"://[^/@\s:]*:[^/@\s]+@|\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bxox[abeprs]-|"
    r"\bgh[oprsu]_\w{36}|\bgithub_pat_\w{22}|\bglpat-[\w-]{20}|\b[rs]k_live_\w{16}"
)
# Nothing, a number, a switch, an ARN, the path of a parameter.
HARMLESS = re.compile(
    r"|\d+(\.\d+)?|true|false|yes|no|on|off|none|enabled|disabled|arn:[\w-]+:.*|(/[\w.-]+){2,}",
    re.IGNORECASE | re.DOTALL,
)
A_NAME = re.compile(r"[\w.-]{1,100}")


def told_by(name: Any) -> bool:
    """Whether the name of a variable says that it holds a secret."""
    return isinstance(name, str) and NAMES.search(name) is not None and ABOUT.search(name) is None


def is_secret(value: Any) -> bool:
    """Whether a value looks like one, whatever it is called."""
    return isinstance(value, str) and VALUES.search(value) is not None


def may_be_secret(value: Any) -> bool:
    """Whether a value may be what its variable's name says: numbers, flags and ARNs are not."""
    return value is not None and not (isinstance(value, bool | int | float) or HARMLESS.fullmatch(str(value)))


def shown(name: Any) -> str:
    """The variable, for a message; one that is named by no name may hold the secret there."""
    is_name = isinstance(name, str) and A_NAME.fullmatch(name) is not None and not is_secret(name)
    return f"'{name}'" if is_name else "a variable"
