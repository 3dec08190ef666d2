from __future__ import annotations

import json
from pathlib import Path

from scaling.catalogue import read_workers

ENTRY = {
    "queue_url": "https://sqs/resize",
    "queue_name": "resize",
    "cluster": "tasks",
    "service": "resize",
    "prefix": "uploads/",
    "suffixes": [".jpg", ".png"],
    "target": 5,
    "min": 0,
    "max": 10,
    "cooldown_in": 300,
}


def test_the_catalogue_is_read_with_defaults_for_what_only_some_queues_have(tmp_path: Path):
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps({"b": ENTRY, "a": ENTRY | {"fifo": True, "tenant": 2}}))
    a, b = read_workers(file)
    assert (a.name, a.fifo, a.tenant) == ("a", True, 2)
    assert (b.name, b.fifo, b.tenant, b.suffixes) == ("b", False, None, (".jpg", ".png"))
    assert (b.bounds.target, b.bounds.minimum, b.bounds.maximum, b.bounds.cooldown_in) == (5, 0, 10, 300)
