"""Values that a stack's configuration is made of, each with its check."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field

from components.model import sentence

# Source: PutRetentionPolicy, Amazon CloudWatch Logs API reference.
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
SMALLEST_VPC, LARGEST_VPC = 24, 16  # prefix lengths; the smallest still has room for three zones, public and private

REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
STACK = re.compile(r"[a-z][a-z0-9-]{0,19}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_URL = re.compile(r"https://[^\s/?#]+(/[^\s?#]*)?|http://(localhost|127\.0\.0\.1)(:[0-9]+)?(/[^\s?#]*)?")
_SECRET_ARN = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}"
)
_IMAGE = re.compile(r"[a-z0-9][a-z0-9.:-]*/[a-z0-9][a-z0-9._/-]*@sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[\w .:/=+@-]*")


def _network(text: str) -> str:
    """A network in CIDR form; an address becomes the network of itself."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        nearest = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("is not an IP address or network; write for example '203.0.113.0/24'") from None
    raise ValueError(f"is an address inside a network; nearest: '{nearest}'")


def _vpc_cidr(text: str) -> str:
    network = ipaddress.ip_network(_network(text))
    if network.version != 4 or not LARGEST_VPC <= network.prefixlen <= SMALLEST_VPC:
        raise ValueError(f"is not an IPv4 network from /{LARGEST_VPC} to /{SMALLEST_VPC}, such as '10.0.0.0/16'")
    return str(network)


def _retention(days: int) -> int:
    if days in RETENTION_DAYS:
        return days
    nearest = min(RETENTION_DAYS, key=lambda allowed: abs(allowed - days))
    choice = ", ".join(map(str, RETENTION_DAYS))
    raise ValueError(f"days are not offered by CloudWatch; nearest: {nearest} ({choice})")


def _matching(pattern: re.Pattern[str], wrong: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(wrong)
        return text

    return check


endpoint = _matching(_URL, "is not the base of an https:// URL, without a query")
secret_arn = _matching(
    _SECRET_ARN, "is not a secret's ARN, arn:aws:secretsmanager:<region>:<account>:secret:<name>-<six characters>"
)
_vpc_id = _matching(re.compile("vpc-[0-9a-f]{8,17}"), "is not an id such as 'vpc-0a1b2c3d'")
_subnet_id = _matching(re.compile("subnet-[0-9a-f]{8,17}"), "is not an id such as 'subnet-0a1b2c3d'")
_email = _matching(_EMAIL, "is not an e-mail address")
_image = _matching(_IMAGE, "is not an image by digest; write registry/repository@sha256:<64 hex digits>")


def _tag_key(key: str) -> str:
    if not 1 <= len(key) <= 128 or not _TAG.fullmatch(key) or key.lower().startswith("aws:"):
        raise sentence("is not a tag's name: 1 to 128 letters, digits, spaces and .:/=+-@, not beginning with aws:")
    return key


def _tag_value(value: str) -> str:
    if len(value) > 256 or not _TAG.fullmatch(value):
        raise ValueError("is not a tag's value: at most 256 letters, digits, spaces and .:/=+-@")
    return value


Cidr = Annotated[str, AfterValidator(_network)]
VpcCidr = Annotated[str, AfterValidator(_vpc_cidr)]
VpcId = Annotated[str, AfterValidator(_vpc_id)]
SubnetId = Annotated[str, AfterValidator(_subnet_id)]
RetentionDays = Annotated[int, AfterValidator(_retention)]
Days = Annotated[int, Field(ge=1, le=3650)]
Share = Annotated[int, Field(ge=0, le=100)]
NonEmpty = Annotated[str, Field(min_length=1)]
Email = Annotated[str, AfterValidator(_email)]
SecretArn = Annotated[str, AfterValidator(secret_arn)]
ImageDigest = Annotated[str, AfterValidator(_image)]
Tags = dict[Annotated[str, AfterValidator(_tag_key)], Annotated[str, AfterValidator(_tag_value)]]
