"""pyvips, set up for a worker that takes one image at a time, from strangers."""

from __future__ import annotations

import logging

import pyvips

__all__ = ["pyvips"]

logging.getLogger("pyvips").setLevel(logging.ERROR)  # what is wrong with an image is raised anyway
pyvips.concurrency_set(1)  # type: ignore[attr-defined] # a task has one core at most: threads would only take memory
pyvips.cache_set_max(0)  # a cache of recent operations would keep past images alive
# No other loader may be tried on a stranger's file; that for Ultra HDR would also take many a phone's JPEG, and all of
# it into memory.
pyvips.operation_block_set("VipsForeignLoad", True)
for _format in ("Jpeg", "Png", "Webp", "Nsgif"):
    pyvips.operation_block_set(f"VipsForeignLoad{_format}", False)
