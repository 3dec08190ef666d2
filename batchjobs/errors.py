"""What stops a submission."""

from __future__ import annotations


class Refused(Exception):
    """It cannot be done as it was asked for. The text says why, for people."""
