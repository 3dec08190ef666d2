"""A source that has nothing to read yet."""

from __future__ import annotations

from workers.runtime import Downstream


class NotReady(Downstream):
    """The source is not there yet, or is being written: another attempt may find it."""
