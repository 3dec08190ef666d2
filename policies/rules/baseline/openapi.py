"""Which operations of an OpenAPI document API Gateway serves to everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from policies.model import UNKNOWN, Unknown
from policies.values import as_list, parse_json

METHODS = ("get", "put", "post", "delete", "patch", "head", "x-amazon-apigateway-any-method")  # OPTIONS is for browsers
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is many times as fast as Python's
# Levels and nodes of a document; that of an API has a few dozen, and some ten thousand.
DEEPEST, LARGEST = 200, 1_000_000
GATEWAYS_OWN = ("x-amazon-apigateway-authorizer", "x-amazon-apigateway-authtype")


def document(body: Any) -> Any:
    """The document as data; UNKNOWN if it is; None if it cannot be read."""
    found = parse_json(body)
    if found is None and isinstance(body, str):
        try:
            found = _yaml(body)
        except (yaml.YAMLError, ValueError, LookupError, AttributeError):  # the last two are of tags that do not fit
            return None
    return found if isinstance(found, Mapping | Unknown) else None


def _yaml(text: str) -> Any:
    """None for what is nested too deep, which would end the process, and for what its aliases make too large."""
    sizes: dict[str, int] = {}
    around: list[tuple[str | None, int]] = [(None, 0)]  # anchor and size so far of each collection that is open
    for event in yaml.parse(text, LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            around.append((event.anchor, 0))
        size = sizes.get(event.anchor, 1) if isinstance(event, yaml.AliasEvent) else 1
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = around.pop()
            if anchor:
                sizes[anchor] = size
        around[-1] = (around[-1][0], around[-1][1] + size)
        if len(around) > DEEPEST or around[-1][1] > LARGEST:
            return None
    return yaml.load(text, LOADER)  # one of the safe ones


def open_operations(body: Mapping[str, Any]) -> Iterator[str]:
    """`GET /jobs` for each that asks for no key and no authorisation that the gateway enforces."""
    components = body.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, Mapping) else body.get("securityDefinitions")
    enforced = {
        name for name, scheme in (schemes.items() if isinstance(schemes, Mapping) else ()) if _is_enforced(scheme)
    }
    paths = body.get("paths")
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        for method, operation in item.items() if isinstance(item, Mapping) else ():
            if str(method).lower() in METHODS and isinstance(operation, Mapping):
                wanted = operation.get("security", body.get("security"))
                if not _signed(operation) and not _asks(wanted, enforced):
                    yield f"{'ANY' if method == METHODS[-1] else str(method).upper()} {path}"


def _is_enforced(scheme: Any) -> bool:
    """Others are for people to read: the gateway does not look at them."""
    if scheme is UNKNOWN:
        return True  # an authoriser that the update makes
    if not isinstance(scheme, Mapping):
        return False
    key = scheme.get("type") == "apiKey" and str(scheme.get("name")).lower() == "x-api-key"
    return key or any(name in scheme for name in GATEWAYS_OWN)


def _asks(requirements: Any, enforced: set[str]) -> bool:
    """Whether each alternative names a scheme that is enforced."""
    alternatives = as_list(requirements)
    return bool(alternatives) and all(
        one is UNKNOWN or (isinstance(one, Mapping) and any(name in enforced for name in one)) for one in alternatives
    )


def _signed(operation: Mapping[str, Any]) -> bool:
    auth = operation.get("x-amazon-apigateway-auth")
    return isinstance(auth, Mapping) and str(auth.get("type")).upper() == "AWS_IAM"
