"""One experiment, top to bottom."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from irp_lightning.config.experiment import Experiment
from irp_lightning.detectors.fit import Checkpoints
from irp_lightning.pipeline.evaluation import evaluate, localise
from irp_lightning.pipeline.fitting import Fitting
from irp_lightning.pipeline.inputs import prepare
from irp_lightning.pipeline.product import write_product
from irp_lightning.pipeline.removal import remove
from irp_lightning.runs.folder import CHECKPOINT, CLEANING
from irp_lightning.runs.kept_cleaning import load_cleaning, save_cleaning
from irp_lightning.runs.manifest import manifest_text
from irp_lightning.runs.results import facts, write_evaluation
from irp_lightning.runs.session import session
from irp_lightning.tracking.loggers import log_evaluation, logging_to

__all__ = ["run"]


def run(e: Experiment, folder: Path, report: Callable[[str], None] = print) -> dict[str, Any]:
    """Run one experiment and fill its run folder; resume one that was stopped.

    Args:
        e: The checked configuration.
        folder: The run folder.
        report: Called with each line that the user should read.

    Returns:
        What ``metrics.json`` holds. Of several processes that train together only the first has it;
        the others get an empty one.

    Raises:
        InputError: The configuration or the data are not fit for a run. Nothing was written, unless
            the refinement rule met scores that it cannot judge.
    """
    with session(e, folder) as here:
        inputs = prepare(e, here.watch, report=report)
        here.begin(manifest_text(inputs.images, inputs.pool, Path(e.data.root)), e.review)
        keep, about = here.keep, facts(e)
        with logging_to(e.logger.wandb, folder, here.config, about) as loggers:
            with here.watch("fit"):
                fitting = Fitting.of(inputs, e)
                removal = remove(
                    inputs,
                    e.refine,
                    fitting,
                    ranked=e.false_alarms is not None,
                    begun=load_cleaning(here.cleaning),
                    after_round=lambda cleaning: keep(CLEANING, partial(save_cleaning, cleaning)),
                )
                if removal.estimate and here.is_first:
                    report(removal.estimate)
                fitted = fitting.fit(
                    e.refine,
                    removal.cleaning,
                    loggers=loggers,
                    checkpoints=Checkpoints(partial(keep, CHECKPOINT), e.checkpoint_seconds),
                    resume=here.checkpoint,
                    folder=folder,
                )
            with here.watch("references", bool(e.references)):
                references = fitting.references(e.refine, removal.cleaning, fitted, e.references)
            if not here.is_first:
                return {}
            with here.watch("localise", e.localise != 0):
                localisation = localise(inputs, fitted, e)
            with here.watch("evaluate"):
                evaluation = evaluate(inputs, removal, fitted, references, localisation)
                write_evaluation(here.folder, evaluation)
            with here.watch("report", e.false_alarms is not None):
                product = write_product(inputs, removal, fitting, fitted, e, here.folder)
            metrics = about | evaluation.figures | product
            log_evaluation(loggers, evaluation, metrics, fitted.steps, folder)
        return here.finish(metrics)
