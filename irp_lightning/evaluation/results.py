"""What a run found out: where labels join scores, and all files that hold it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import wandb
from lightning.pytorch.loggers import Logger
from torch import Tensor

from irp_lightning.data.contamination import TrainingPool
from irp_lightning.data.dataset import Dataset
from irp_lightning.data.samples import Sample
from irp_lightning.refinement.callback import IterativeRefinement, Round
from irp_lightning.evaluation.metrics import auroc, average_precision, removal_counts
from irp_lightning.runs.figures import removed_gallery, roc_curve, score_histograms
from irp_lightning.localisation.heat_maps import heat_maps
from irp_lightning.localisation.localisation import Localisation
from irp_lightning.runs.run_folder import RunFolder
from irp_lightning.evaluation.tables import (
    REMOVED_COLUMNS,
    ROUND_COLUMNS,
    SCORE_COLUMNS,
    removed_rows,
    round_rows,
    score_rows,
)
from irp_lightning.tracking.wandb_logger import RunLogger
from irp_lightning.tracking.wandb_run import show_figures, show_files, show_removed, show_rounds

__all__ = ["Results"]


@dataclass(frozen=True)
class Results:
    """The rounds of a run beside the labels that it never saw.

    Attributes:
        config: The resolved configuration.
        dataset: What was read.
        pool: What was trained and tested on.
        refinement: The callback, after the fit.
        references: Test scores of vanilla training and of the oracle, or nothing.
        found: Gradient maps, where they were asked for.
    """

    config: dict[str, Any]
    dataset: Dataset
    pool: TrainingPool
    refinement: IterativeRefinement
    references: dict[str, Tensor]
    found: Localisation | None = None

    @property
    def rounds(self) -> Sequence[Round]:
        """What the callback recorded."""
        return self.refinement.rounds

    @property
    def _train(self) -> list[Sample]:
        return [self.dataset.samples[i] for i in self.pool.train]

    @property
    def test(self) -> list[Sample]:
        """The test images."""
        return [self.dataset.samples[i] for i in self.pool.test]

    @property
    def _test_scores(self) -> Tensor:
        scores = self.rounds[-1].test_scores
        assert scores is not None  # the last round is a fit of the detector
        return scores

    def _reference(self, name: str) -> float | None:
        scores = self.references.get(name)
        return None if scores is None else auroc(scores, _labels(self.test))

    def rows(self) -> list[dict[str, Any]]:
        """The rows of ``rounds.csv``."""
        return round_rows(
            self.rounds,
            _labels(self._train),
            _labels(self.test),
            self._reference("vanilla"),
            self._reference("oracle"),
        )

    def write(self, folder: RunFolder) -> None:
        """Write the tables and the figures."""
        train, test, rounds = self._train, self.test, self.rounds
        labels, test_labels = _labels(train), _labels(test)
        folder.csv("rounds.csv", ROUND_COLUMNS, self.rows())
        folder.csv("removed.csv", REMOVED_COLUMNS, removed_rows(rounds, train))
        folder.csv("scores.csv", SCORE_COLUMNS, score_rows(test, self._test_scores))
        folder.write("figures/scores.png", score_histograms(rounds, labels).savefig)
        folder.write("figures/roc.png", roc_curve(self._test_scores, test_labels).savefig)
        folder.write("figures/removed.png", removed_gallery(rounds, train).savefig)

    def write_heat_maps(self, folder: RunFolder) -> None:
        """Write the figure of the gradient maps, if there are any."""
        if self.found is not None and self.found.names:
            test = self.test
            by_name = dict(zip((s.name for s in test), self._test_scores.tolist(), strict=True))
            scores = torch.tensor([by_name[name] for name in self.found.names])
            folder.write("figures/heat_maps.png", heat_maps(self.found, scores).savefig)

    def log(self, loggers: Sequence[Logger], step: int, folder: RunFolder) -> None:
        """Send the rounds and the final figures to the loggers, after ``step`` training steps.

        W&B also gets histograms, the removed images, the manifest and the checkpoint.
        """
        rows, metrics = self.rows(), self.metrics()
        for logger in loggers:
            if isinstance(logger, RunLogger):
                run = logger.experiment
                logger.attempt(partial(self._show, run, rows, metrics, folder.path))
                continue
            for row in rows:
                numbers = {f"round/{key}": value for key, value in row.items() if value is not None}
                logger.log_metrics(numbers, step=step + row["round"])
            final = {k: float(v) for k, v in metrics.items() if isinstance(v, int | float)}
            logger.log_metrics(final, step=step + len(rows))

    def _show(
        self, run: wandb.Run, rows: list[dict[str, Any]], metrics: dict[str, Any], folder: Path
    ) -> None:
        show_rounds(run, self.rounds, rows)
        show_figures(run, metrics, self._test_scores, _labels(self.test))
        show_removed(run, self.rounds, self._train)
        wanted = self.config["logger"]["wandb"]["checkpoint"]
        facts = ("method", "model", "backbone", "category", "contamination", "noise_requested", "seed")
        show_files(
            run,
            folder / "manifest.csv",
            folder / "checkpoints" / "last.ckpt" if wanted else None,
            self.config["data"]["category"],
            {key: metrics[key] for key in facts},
        )

    def metrics(self) -> dict[str, Any]:
        """The figures of ``metrics.json``."""
        test_labels, labels = _labels(self.test), _labels(self._train)
        removed = torch.stack([r.removed for r in self.rounds]).any(dim=0)
        rows = self.rows()
        return {
            "image_auroc": auroc(self._test_scores, test_labels),
            "image_ap": average_precision(self._test_scores, test_labels),
            "pixel_auroc": self.found and self.found.pixel_auroc,
            "aupro": self.found and self.found.aupro,
            "localised_images": len(self.found.names) if self.found else 0,
            "noise_requested": self.config["noise"],
            "noise_achieved": self.pool.noise,
            **removal_counts(removed, labels),
            # Of the training images in the first round.
            "detection_auroc": rows[0]["detection_auroc"],
            "vanilla_auroc": self._reference("vanilla"),
            "oracle_auroc": self._reference("oracle"),
            "gap_closure": rows[-1]["gap_closure"],
            "rounds": len(self.rounds) - 1,
            "converged": self.refinement.converged,
            "separation": self.refinement.separation,
            "method": self.config["refine"]["name"],
            "model": self.config["model"].get("name", self.config["model"]["_target_"]),
            "backbone": self.config["backbone"]["name"],
            "contamination": self.config["contamination"]["kind"],
            "lam": self.config["lam"],
            "k": self.config["refine"].get("k"),
            "category": self.config["data"]["category"],
            "seed": self.config["seed"],
            "train_images": len(labels),
            "test_images": len(test_labels),
            "dataset": {**self.dataset.facts(), "grouped_by": str(self.config["data"]["groups"])},
        }


def _labels(samples: Sequence[Sample]) -> Tensor:
    return torch.tensor([sample.label for sample in samples])
