"""What a worker imports: `handle(input: dict, context: Context) -> dict`, and `BadInput` for input it cannot use."""

from workers.runtime.context import BadInput, Context

__all__ = ["BadInput", "Context"]
