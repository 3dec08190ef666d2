"""Resources that a stack excepts from a rule for good, by pattern of their names."""

from __future__ import annotations

from fnmatch import fnmatchcase

from policies.model import Config, Resource
from policies.values import as_list

EXCEPT = {
    "type": "array",
    "items": {"type": "string"},
    "default": [],
    "description": "Patterns of names, in AWS or in the program, of resources to which the rule does not apply.",
}


def excepted(resource: Resource, config: Config) -> bool:
    names = [name for name in (resource.name, resource.get("name"), resource.get("bucket")) if isinstance(name, str)]
    return any(fnmatchcase(name, str(pattern)) for name in names for pattern in as_list(config["except"]))
