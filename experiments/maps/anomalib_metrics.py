"""Our pixel measures and anomalib's, of the same maps.

python experiments/maps/anomalib_metrics.py RUN_FOLDER ...

Each folder is of a finished run; its detector draws the maps of all test images again. Needs anomalib,
which is no dependency of this project: ``pip install anomalib`` into an environment of its own.
"""

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from anomalib.metrics.aupro import _AUPRO
from anomalib.metrics.auroc import _AUROC
from common.tables import markdown, write_rows

from irp_lightning.data.samples import Sample
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.localisation.localisation import localise
from irp_lightning.runs.record import Record, Unusable, read_record

HERE = Path(__file__).parent


def test_images(record: Record) -> list[Sample]:
    """The run's test images that are normal or have a mask."""
    found = []
    for row in record.manifest():
        photo = record.photograph(row["path"])
        if row["split"] == "test" and photo and (row["label"] == "0" or photo.mask):
            found.append(Sample(photo.path, row["path"], "test", row["defect"], photo.mask))
    return found


def measured(record: Record) -> dict[str, str]:
    """Both libraries' figures of one run."""
    loaded = load_detector(record.folder)
    samples = test_images(record)
    ours = localise(
        loaded.detector, loaded.extractor, samples, loaded.n_views, device=torch.device("cpu")
    )
    # Beyond [0, 1] torchmetrics, below anomalib's AUROC, takes values for logits, and their sigmoid
    # makes the higher ones equal.
    maps, masks = ours.maps / ours.maps.max(), ours.masks.int()
    area, overlap = _AUROC(), _AUPRO(fpr_limit=0.3)
    area.update(maps, masks)
    overlap.update(maps, masks)
    assert ours.pixel_auroc is not None
    assert ours.aupro is not None
    return {
        **{key: str(record.metrics[key]) for key in ("model", "category", "method")},
        "noise": f"{record.metrics['noise_requested']:g}",
        "images": str(len(samples)),
        "pixel_auroc": f"{ours.pixel_auroc:.6f}",
        "pixel_auroc_anomalib": f"{area.compute().item():.6f}",
        "aupro": f"{ours.aupro:.6f}",
        "aupro_anomalib": f"{overlap.compute().item():.6f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    rows = []
    for folder in parser.parse_args().folders:
        record = read_record(folder)
        if isinstance(record, Unusable):
            sys.exit(f"{folder} is no finished run")
        rows.append(measured(record))
    write_rows(HERE / "anomalib_metrics.csv", rows)
    table = markdown(list(rows[0]), [list(row.values()) for row in rows])
    print(f"anomalib {version('anomalib')}\n\n{table}")


if __name__ == "__main__":
    main()
