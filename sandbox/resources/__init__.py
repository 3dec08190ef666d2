"""How each type of resource comes into being: in moto, or as something that computes. One module a service."""

from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Import every module here, so that all types are registered."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
