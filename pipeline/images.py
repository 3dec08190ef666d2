"""What the build hands to the steps after it: worker → image by digest, a file in each build's artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

FILE = "images.json"
# CodeBuild gives the folder of each artifact but the first, which is the source, in a variable of this prefix.
_ARTIFACTS = "CODEBUILD_SRC_DIR_"


def write(images: Mapping[str, str], folder: Path) -> None:
    (folder / FILE).write_text(json.dumps(images, indent=2, sort_keys=True) + "\n")


def read(environment: Mapping[str, str]) -> dict[str, str]:
    """What all builds made, one for each architecture."""
    folders = [Path(value) for name, value in sorted(environment.items()) if name.startswith(_ARTIFACTS)]
    return {worker: image for folder in folders for worker, image in json.loads((folder / FILE).read_text()).items()}
