"""Extraction against the bare backbone, and its memory against the number of images.

python experiments/benchmarks/extraction.py --images FOLDER --backbone squeezenet1_1 --weights FILE
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from common.inputs import experiment
from paired import medians, report
from PIL import Image

from irp_lightning.data.files.content import content_hash
from irp_lightning.data.files.images import load_square
from irp_lightning.data.files.listing import image_files
from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.extraction import default_workers, extract
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.memory import VIEWS_PER_PASS
from irp_lightning.features.preparation import fill_bank
from irp_lightning.pipeline.extractors import extractors_of


def extractor(name: str, weights: str | None, size: int, views: int) -> FeatureExtractor:
    """Of a backbone, for pictures of a size."""
    return extractors_of(
        experiment(
            *(f"backbone={name}", *([f"backbone.weights={weights}"] if weights else [])),
            *(f"data.image_size={size}", f"views.count={views}", f"views.n_transforms={min(4, views)}"),
        )
    ).detector


def throughput(paths: list[Path], network: FeatureExtractor, device: torch.device, repeats: int) -> None:
    """Files → features, against the backbone alone on tensors already in memory."""
    size, views = network.spec.image_size, len(network.spec.angles)
    network.to(device)
    per_pass = min(VIEWS_PER_PASS[device.type], views * len(paths))
    tensors = torch.rand(per_pass, 3, size, size, device=device)
    passes = len(paths) * views // per_pass

    def bare() -> None:
        with torch.no_grad():
            for _ in range(passes):
                network.backbone(tensors)

    def ours() -> None:
        for _ in extract(paths, network, workers=default_workers(), device=device):
            pass

    seconds = medians({"bare backbone": bare, "extraction": ours}, repeats)
    done = {"bare backbone": passes * per_pass, "extraction": len(paths) * views}
    rates = {name: done[name] / seconds[name] for name in seconds}
    rows = [
        {
            "what": name,
            "views/s": rate,
            "images/s": rate / views,
            "ratio": rate / rates["bare backbone"],
            "device": device.type,
        }
        for name, rate in rates.items()
    ]
    name = "extraction" if device.type == "cpu" else "gpu_extraction"
    report(f"extraction, {network.spec.backbone} at {size} px", rows, name)


def memory(counts: list[int]) -> None:
    """Peak memory of a process that extracts so many generated images into a bank."""
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            peak = subprocess.run(
                [sys.executable, __file__, "--memory-of", str(count), "--folder", folder],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()[-1]
        rows.append({"images": count, "peak MiB": float(peak), "ratio": float(peak)})
        rows[-1]["ratio"] = rows[-1]["peak MiB"] / rows[0]["peak MiB"]
    report("memory of extraction, random backbone at 64 px", rows, "memory")


def memory_of(count: int, folder: Path) -> None:
    """Generate images (noise), extract them, and print this process's peak memory in MiB."""
    paths = []
    rng = np.random.default_rng(0)
    for i in range(count):
        paths.append(folder / f"{i}.png")
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(paths[-1])
    network = extractor("random", None, 64, 8)
    bank = FeatureBank(folder / "bank", network.spec, "float32")
    run = partial(extract, extractor=network, workers=1, device=torch.device("cpu"))
    fill_bank(bank, paths, [content_hash(path) for path in paths], run, print)
    assert sum(1 for _ in bank.images()) == count
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, help="a folder of images")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--backbone", default="squeezenet1_1")
    parser.add_argument("--weights")
    parser.add_argument("--size", type=int, default=448)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", type=int, nargs="*", default=[], help="numbers of images")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.memory_of:
        memory_of(chosen.memory_of, chosen.folder)
        return
    if chosen.images:
        paths = image_files(chosen.images)[: chosen.count]
        network = extractor(chosen.backbone, chosen.weights, chosen.size, chosen.views)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        load_square(paths[0], chosen.size, "none")  # fail before timing if it cannot be read
        throughput(paths, network, device, chosen.repeats)
    if chosen.memory:
        memory(chosen.memory)


if __name__ == "__main__":
    main()
