"""image_processor against the document's function: images a second on one core, likeness of what comes out, memory.

    python benchmarks/image_processor.py

All of them work on the same photograph in one run, turn by turn. `image_processor.md` says what it needs and what came
of it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from image_processor_photo import photograph
from image_processor_run import SIZES, WAYS
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
CORE = max(os.sched_getaffinity(0))
NEEDS = {"opencv": "cv2", "turbojpeg-libvips": "simplejpeg"}
WARM_UP = 2
MEMORY_RUNS = 3
MB = 1_000_000


class Process:
    """A way to make the three sizes, in its process. resident: bytes, before it has seen an image."""

    def __init__(self, way: str, file: Path):
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("image_processor_run.py"), way, file, str(CORE)],
            env=os.environ | _environment(way),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.resident: int = self._answer()["resident"]

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def make(self, folder: Path | None = None) -> dict[str, Any]:
        """Once. wall, cpu: seconds; peak: bytes, the most since the process began. The files go into `folder`."""
        assert self._process.stdin
        self._process.stdin.write(f"{folder or ''}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


def _environment(way: str) -> dict[str, str]:
    """That of the worker's tasks, for what is made with the worker's code; the document's function has none."""
    if way in ("document", "pillow-draft", "opencv"):
        return {}
    return yaml.safe_load((REPOSITORY / "workers/image_processor/worker.yaml").read_text())["environment"]


@dataclass(frozen=True)
class Figures:
    """One way's figures.

    wall, cpu: seconds of each round.
    base, peak: bytes in a fresh process, before an image and at most while it makes one's sizes.
    later: bytes by which the most after all rounds exceeds what there was before the first.
    likeness: SSIM of each size.
    """

    wall: list[float]
    cpu: list[float]
    base: float
    peak: float
    later: int
    likeness: dict[str, float]


def measure(ways: list[str], file: Path, rounds: int) -> dict[str, Figures]:
    taken: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        processes = {way: Process(way, file) for way in ways}
        try:
            for process in processes.values():
                process.make(folder)
            for number in range(WARM_UP + rounds):
                for way, process in processes.items():
                    answer = process.make()
                    if number >= WARM_UP:
                        taken[way].append(answer)
        finally:
            for process in processes.values():
                process.__exit__()
        likeness = {way: _likeness(folder, way) for way in ways}
    return {
        way: Figures(
            [answer["wall"] for answer in taken[way]],
            [answer["cpu"] for answer in taken[way]],
            *_memory(way, file),
            taken[way][-1]["peak"] - processes[way].resident,
            likeness[way],
        )
        for way in ways
    }


def _memory(way: str, file: Path) -> tuple[float, float]:
    """Resident before the image and at the peak of making its sizes, in a fresh process; medians."""
    runs = []
    for _ in range(MEMORY_RUNS):
        with Process(way, file) as process:
            runs.append((process.resident, process.make()["peak"]))
    return statistics.median(base for base, _ in runs), statistics.median(peak for _, peak in runs)


def _likeness(folder: Path, way: str) -> dict[str, float]:
    """SSIM of each size with what the document's function makes of it; 0 if even the sizes differ."""
    found = {}
    for name in SIZES:
        ours, theirs = (
            np.asarray(Image.open(folder / f"{who}-{name}.jpg").convert("RGB")) for who in (way, "document")
        )
        found[name] = ssim(ours, theirs) if ours.shape == theirs.shape else 0.0
    return found


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Structural similarity of two images of bytes, mean of the channels.

    Source: Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment", 2004: Gaussian window of 11 pixels, σ = 1.5.
    """
    x, y = one.astype(np.float32), other.astype(np.float32)
    mean_x, mean_y = _window(x), _window(y)
    variances = _window(x * x) + _window(y * y) - mean_x**2 - mean_y**2
    covariance = _window(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    structure = (2 * covariance + c2) / (variances + c2)
    return float((structure * (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)).mean())


def _window(pixels: np.ndarray) -> np.ndarray:
    weights = np.exp(-(np.arange(-5, 6, dtype=np.float32) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    for axis in (0, 1):
        length = pixels.shape[axis] - len(weights) + 1
        parts = [weight * np.take(pixels, range(at, at + length), axis) for at, weight in enumerate(weights)]
        pixels = np.sum(parts, axis=0)
    return pixels


def report(figures: dict[str, Figures], file: Path) -> str:
    with Image.open(file) as image:
        width, height = image.size
    decoded = 3 * width * height
    size = file.stat().st_size
    base = figures["document"]
    columns = ("way", "images/s", "ms", "ratio", "CPU ms", "ratio", *SIZES, "base", "peak", "increase", "later")
    lines = [
        f"{file.name}: {width} x {height}, {size / MB:.1f} MB, {8 * size / width / height:.2f} bits a pixel, "
        f"decoded {decoded / MB:.1f} MB; core {CORE}, {len(base.wall)} rounds",
        "",
        "| " + " | ".join(columns) + " |",
        "|---" * len(columns) + "|",
    ]
    for way, own in figures.items():
        wall, cpu = statistics.median(own.wall), statistics.median(own.cpu)
        cells = [
            way,
            f"{1 / wall:.2f}",
            f"{1000 * wall:.0f}",
            f"{_ratio(base.wall, own.wall):.2f}",
            f"{1000 * cpu:.0f}",
            f"{_ratio(base.cpu, own.cpu):.2f}",
            *(f"{value:.4f}" for value in own.likeness.values()),
            f"{own.base / MB:.1f}",
            f"{own.peak / MB:.1f}",
            f"{(own.peak - own.base) / MB:.1f} ({(own.peak - own.base) / decoded:.2f})",
            f"{own.later / MB:.1f} ({own.later / decoded:.2f})",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _ratio(theirs: list[float], ours: list[float]) -> float:
    """Median of the rounds' ratios: what slows the machine down slows both runs of a round."""
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", nargs="*", type=Path, help="JPEG files to use instead of the generated one")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--all", action="store_true", help="also the ways that were not taken")
    options = parser.parse_args()
    ways = list(WAYS) if options.all else ["document", "worker"]
    missing = [way for way in ways if way in NEEDS and not importlib.util.find_spec(NEEDS[way])]
    for way in missing:
        print(f"{way} left out: {NEEDS[way]} is not installed")
    ways = [way for way in ways if way not in missing]
    with tempfile.TemporaryDirectory() as folder:
        files = options.photographs
        if not files:
            files = [Path(folder) / "generated.jpg"]
            files[0].write_bytes(photograph())
        for file in files:
            print(report(measure(ways, file, options.rounds), file), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
