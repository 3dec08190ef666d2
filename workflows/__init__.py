"""Workflows: stages in an order, and the state machine of AWS Step Functions that they become.

Imports nothing but the standard library.
"""

from workflows.definition import Surroundings, definition, results_read
from workflows.graph import mistakes
from workflows.model import (
    OVER_COUNT,
    OVER_ITEMS,
    OVER_PREFIX,
    FanOut,
    Mistake,
    Runner,
    Size,
    Stage,
    Work,
    Workflow,
)
from workflows.structure import faults

__all__ = [
    "OVER_COUNT", "OVER_ITEMS", "OVER_PREFIX", "FanOut", "Mistake", "Runner", "Size", "Stage", "Surroundings", "Work",
    "Workflow", "definition", "faults", "mistakes", "results_read",
]  # fmt: skip
