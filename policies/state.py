"""The resources of a `pulumi stack export`, of whatever program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policies.model import UNKNOWN, Resource

# Pulumi's wire form, pulumi/sdk/proto: what marks a value as special, and as a secret.
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


class Unreadable(ValueError):
    """The file is no export of a stack; the text says why."""


class State:
    """stack, project: their names. inputs, outputs: its resources with what went into them, and with what came out."""

    def __init__(self, document: Any):
        """document: as the export has it. Raises Unreadable."""
        deployment = document.get("deployment") if isinstance(document, Mapping) else None
        found = deployment.get("resources", []) if isinstance(deployment, Mapping) else None
        if not isinstance(found, list) or not all(isinstance(one, Mapping) and _is_text(one) for one in found):
            raise Unreadable("is no export of a stack: make one with `pulumi stack export --file export.json`")
        first, self.project = (found[0]["urn"] if found else "::").split("::")[:2]
        self.stack = first.rpartition(":")[2]
        # The engine judges neither what waits for its deletion nor what the program only looks up.
        resources = [one for one in found if not one.get("delete") and not one.get("external")]
        self.inputs = [_resource(one, one.get("inputs")) for one in resources]
        self.outputs = [_resource(one, one.get("outputs")) for one in resources]


def read(file: Path) -> State:
    """Raises Unreadable."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        if not text.strip():
            raise Unreadable("is empty")
        return State(json.loads(text))
    except OSError as error:
        raise Unreadable(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{file} is no text") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise Unreadable(f"{file} is no JSON: {error}") from None
    except Unreadable as error:
        raise Unreadable(f"{file} {error}") from None


def _is_text(resource: Mapping[str, Any]) -> bool:
    return all(isinstance(resource.get(key), str) for key in ("urn", "type")) and resource["urn"].count("::") >= 3


def _resource(given: Mapping[str, Any], properties: Any) -> Resource:
    urn, linked = given["urn"], given.get("propertyDependencies")
    props = revealed(properties) if isinstance(properties, Mapping) else {}
    dependencies = {
        name: frozenset(one for one in urns if isinstance(one, str))
        for name, urns in (linked.items() if isinstance(linked, Mapping) else ())
        if isinstance(urns, list)
    }
    for name, value in props.items():
        if value is UNKNOWN and not dependencies.get(name):
            dependencies[name] = frozenset({urn})  # what is hidden was given, and nobody knows what it is made of
    return Resource(urn, given["type"], urn.split("::", 3)[3], props, dependencies)


def revealed(value: Any) -> Any:
    """Secrets as what they hide if that is shown, or else as unknown; files as None.

    On the wire a secret has its value; in an export its text, in JSON or ciphered.
    """
    if isinstance(value, list):
        return [revealed(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, Mapping):
        return value
    kind = value.get(SIGNATURE)
    if kind == SECRET:
        return revealed(value["value"]) if "value" in value else _shown(value.get("plaintext"))
    return None if kind else {key: revealed(item) for key, item in value.items()}


def _shown(plaintext: Any) -> Any:
    """Of a secret, which `--show-secrets` writes as JSON."""
    try:
        return revealed(json.loads(plaintext))
    except (TypeError, ValueError, RecursionError):
        return UNKNOWN
