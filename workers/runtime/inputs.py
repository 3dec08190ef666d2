"""The input of a message or a Batch job must be what the worker's manifest describes. Of other jobs, the API has
checked that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import yaml

from workers.runtime.context import BadInput, Context

Handle = Callable[[dict[str, Any], Context], Any]


def checked(handle: Handle, manifest: Path) -> Handle:
    """`handle`, with `BadInput` for what does not fit the manifest's `input`."""
    schema = yaml.safe_load(manifest.read_text(encoding="utf-8"))["input"]
    # A default would change what the worker gets; the API does not fill any in, either.
    validate: Any = fastjsonschema.compile(schema, use_default=False)

    def handle_checked(input: dict[str, Any], context: Context) -> Any:
        try:
            validate(input)
        except fastjsonschema.JsonSchemaValueException as error:
            raise BadInput("input" + str(error.message).removeprefix("data")) from error
        return handle(input, context)

    return handle_checked
