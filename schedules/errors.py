"""What is wrong with an expression."""

from __future__ import annotations


class Unreadable(ValueError):
    """The text is no expression of EventBridge Scheduler, or of a CronJob, or one that is never due.

    Its text says why and, where that can be told, what would be right, so that "expression text" reads as a sentence.
    """
