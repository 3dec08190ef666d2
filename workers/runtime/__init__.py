"""What a worker imports: `handle(input: dict, context: Context) -> dict`, and what it raises if it cannot do its work.

`BadInput` for input that nobody could use; `Downstream` if something that the worker depends on is failing.
"""

from workers.runtime.context import BadInput, Context, Downstream

__all__ = ["BadInput", "Context", "Downstream"]
