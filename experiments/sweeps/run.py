"""24 cells on magnetic tiles: noise × seed × method, short ones.

run.py --root MVTEC_ROOT --weights squeezenet1_1.pth --out FOLDER [hydra/launcher=slurm key=value ...]
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from common import sweeps

GRID = [
    "+experiment=mtd_noise",
    *("model=differnet_small", "epochs=4", "max_rounds=3", "round_epochs=1", "batch_size=32"),
    *("views.n_transforms=2", "data.image_size=224", "trainer.accelerator=cpu"),
    *("noise=0,0.1,0.3,0.5", "seed=0,1", "refine=none,irp,robust"),
]


def overrides(root: Path, weights: Path, folder: Path, *more: str) -> list[str]:
    """Of the sweep into a folder."""
    where = f"data.root={root.resolve()}", f"backbone.weights={weights.resolve()}"
    return [*GRID, *where, f"hydra.sweep.dir={folder}", *more]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true", help="print the command")
    parser.add_argument("overrides", nargs="*")
    chosen = parser.parse_intermixed_args()
    todo = overrides(chosen.root, chosen.weights, chosen.out.resolve(), *chosen.overrides)
    sys.exit(sweeps.run([todo], chosen.dry_run) > 0)


if __name__ == "__main__":
    main()
