"""What half precision does to scores: a trained detector on features in float32, bf16, fp16.

python experiments/benchmarks/precision.py --run RUN_FOLDER --images FOLDER [--count 48]
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from paired import report

from irp_lightning.data.files.listing import image_files
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.features.extraction import default_workers, extract
from irp_lightning.features.extractor import FeatureExtractor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--count", type=int, default=48)
    chosen = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loaded = load_detector(chosen.run)
    module, extractor = loaded.detector, loaded.extractor
    paths = image_files(chosen.images)[: chosen.count]

    def features(autocast: str) -> torch.Tensor:
        network = FeatureExtractor(extractor.backbone, replace(extractor.spec, autocast=autocast))
        vectors = extract(paths, network, workers=default_workers(), device=device)
        return torch.stack([vector for _, vector in vectors])

    exact = features("none")
    variants = {
        "kept as float16": exact.half().float(),
        "backbone in bf16": features("bf16"),
        "backbone in fp16": features("fp16"),
    }
    with torch.no_grad():
        truth = module.score(exact)
        rows = []
        for name, vectors in variants.items():
            scores = module.score(vectors)
            ranks = torch.stack([truth.argsort().argsort(), scores.argsort().argsort()]).double()
            error = (scores - truth).abs() / truth
            rows.append(
                {
                    "features": name,
                    "images": len(paths),
                    "device": device.type,
                    "median relative score error": error.median().item(),
                    "largest": error.max().item(),
                    "rank correlation": torch.corrcoef(ranks)[0, 1].item(),
                }
            )
    report("scores against float32 features", rows, "precision")


if __name__ == "__main__":
    main()
