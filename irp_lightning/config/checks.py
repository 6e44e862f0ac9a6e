"""Check a whole configuration before any work begins: each group by its declaration, then together.

Hydra itself refuses unknown keys and unknown choices of a group. What needs torch to be known (devices,
a user's classes, the smallest image of a backbone) is checked where it is used, before heavy work too.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from irp_lightning.config.experiment import Experiment
from irp_lightning.data.verdicts import verdicts_digest
from irp_lightning.detectors.config import DECLARED
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.fields import load
from irp_lightning.foundation.spelling import spelt
from irp_lightning.refinement.config import CROSS_FIT

__all__ = ["load_experiment"]


def load_experiment(values: Mapping[str, Any]) -> Experiment:
    """Check a configuration, make its paths absolute, and note what a review says.

    Args:
        values: As composed from ``conf/``, resolved.

    Raises:
        InputError: A value is missing, unknown, of the wrong type or out of its range, or two do not go
            together; the message names the key, the value and what is allowed.
    """
    experiment = load(Experiment, values)
    _check_views(experiment)
    _check_cleaning(experiment)
    _check_precision(experiment)
    if experiment.trainer.is_distributed:
        _check_distributed(experiment)
    scoring = experiment.refine.scoring
    for group, backbone in (
        ("backbone", experiment.backbone),
        ("refine.scoring.backbone", scoring.backbone if scoring is not None else None),
    ):
        weights = backbone.weights if backbone is not None else None
        if weights is not None and not Path(weights).is_file():
            raise InputError(
                f"{group}.weights={weights} is not a file; give a state dict of the network"
            )
    return _with_verdicts(experiment)


def _with_verdicts(experiment: Experiment) -> Experiment:
    if experiment.verdicts is not None:
        raise InputError(
            f"verdicts={experiment.verdicts} cannot be set: it is a digest of the review; leave it "
            "out, and give review=FILE"
        )
    if experiment.review is None:
        return experiment
    return replace(experiment, verdicts=verdicts_digest(experiment.review))


def _check_views(experiment: Experiment) -> None:
    views = experiment.views
    drawn = {"n_transforms_test": views.n_transforms_test}
    if experiment.features.cache != "live":  # live training draws any number of angles
        drawn["n_transforms"] = views.n_transforms
    for key, value in drawn.items():
        if value > views.count:
            raise InputError(
                f"views.{key}={value} is more than the {views.count} views there are; "
                f"raise views.count or lower views.{key}"
            )


def _check_cleaning(experiment: Experiment) -> None:
    refine, asked = experiment.refine, experiment.false_alarms
    if asked is None:
        if experiment.review is not None:
            raise InputError(
                f"{spelt('review', experiment.review)} changes suspects, and there are none without "
                "false_alarms; use +experiment=folder, or set false_alarms=0.01"
            )
        return
    if not refine.is_out_of_sample:
        raise InputError(
            f"{spelt('false_alarms', asked)} needs suspects that are found before the detector is "
            f"fitted, and refine={refine.name} finds none; set refine=robust"
        )
    if experiment.trainer.is_distributed:
        raise InputError(
            f"{spelt('false_alarms', asked)} fits detectors of its own and cannot share processes with "
            "trainer.strategy=ddp; set trainer=default"
        )


def _check_precision(experiment: Experiment) -> None:
    precision, model = experiment.trainer.precision, experiment.model
    if precision != "32-true" and model._target_ in DECLARED:
        has_own = model.rest.get("precision", "bf16") != "bf16"
        remedy = "set model.precision=bf16 for its matrix products" if has_own else "leave it out"
        raise InputError(
            f"trainer.precision={precision} changes nothing of model={model.title}, whose sums need "
            f"float32; {remedy}"
        )


def _check_distributed(experiment: Experiment) -> None:
    devices = experiment.trainer.devices
    if experiment.batch_size < devices:
        raise InputError(
            f"batch_size={experiment.batch_size} is too small for trainer.devices={devices}; raise it"
        )
    if experiment.refine.scorer == CROSS_FIT:
        raise InputError(
            "refine/scoring=cross_fit fits detectors of its own and cannot share processes with "
            "trainer.strategy=ddp; set refine/scoring=ensemble or in_sample, or trainer=default"
        )
    if experiment.features.cache != "bank":
        raise InputError(
            f"features.cache={experiment.features.cache} with trainer.strategy=ddp would extract all "
            "features in each process; set features.cache=bank"
        )
