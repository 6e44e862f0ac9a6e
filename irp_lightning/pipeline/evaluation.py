"""Join labels to what a run found: the one place where they meet scores."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from irp_lightning.config.experiment import Experiment
from irp_lightning.data.files.content import masks_digest, set_digest
from irp_lightning.evaluation.evaluation import OF_LABELS, Evaluation, labels_of
from irp_lightning.evaluation.metrics import auroc, average_precision, removal_counts
from irp_lightning.evaluation.tables import Row, removed_rows, round_rows, score_rows
from irp_lightning.localisation.localisation import Localisation, localise_some
from irp_lightning.pipeline.fitting import Fitted
from irp_lightning.pipeline.inputs import Inputs
from irp_lightning.pipeline.removal import Removal
from irp_lightning.refinement.two_groups import TwoGroups

__all__ = ["evaluate", "localise"]


def localise(inputs: Inputs, fitted: Fitted, e: Experiment) -> Localisation | None:
    """Maps of ``e.localise`` test images; None where it is 0.

    Raises:
        WrongValue: The detector's score has no gradient.
        InputError: An image or a mask cannot be decoded.
    """
    if e.localise == 0:
        return None
    return localise_some(
        fitted.detector,
        inputs.extractor,
        inputs.test,
        count=e.localise,
        seed=e.seed,
        n_views=inputs.views.n_transforms_test,
        device=inputs.device,
    )


def evaluate(
    inputs: Inputs,
    removal: Removal,
    fitted: Fitted,
    references: Mapping[str, Tensor] | None = None,
    localisation: Localisation | None = None,
) -> Evaluation:
    """Join labels to what was found.

    Args:
        inputs: What was trained and tested on.
        removal: What was removed before the fit.
        fitted: The detector, and what happened.
        references: (T,) each: test scores of ``vanilla`` training and of the ``oracle``, if there are.
        localisation: Maps of some test images.
    """
    rounds, test_scores = fitted.rounds, fitted.test_scores
    train, test = inputs.train, inputs.test
    labels, test_labels = labels_of(train), labels_of(test)
    unlabelled = sum(sample.known_label is None for sample in train)
    removed = torch.stack([r.removed for r in rounds]).any(dim=0)
    areas = {name: auroc(scores, test_labels) for name, scores in (references or {}).items()}
    vanilla, oracle = areas.get("vanilla"), areas.get("oracle")
    gone = removed_rows(rounds, train)
    rows = round_rows(rounds, None if unlabelled else labels, test_labels, vanilla, oracle)
    figures = {
        "image_auroc": auroc(test_scores, test_labels),
        "image_ap": average_precision(test_scores, test_labels),
        "pixel_auroc": localisation and localisation.pixel_auroc,
        "aupro": localisation and localisation.aupro,
        "localised_images": len(localisation.names) if localisation else 0,
        "noise_achieved": inputs.pool.noise,
        "removed": int(removed.sum()),
        **removal_counts(removed, labels),
        # Of the training images in the first round.
        "detection_auroc": rows[0]["detection_auroc"],
        "vanilla_auroc": vanilla,
        "oracle_auroc": oracle,
        "gap_closure": rows[-1]["gap_closure"],
        "rounds": len(rounds) - 1,
        "converged": fitted.converged,
        "epochs_trained": fitted.epochs,
        "parts": {name: found.kind for name, found in inputs.parts.items()},
        **estimates(removal.groups),
        "train_images": len(train),
        "unlabelled_images": unlabelled,
        "test_images": len(test),
    }
    if unlabelled:
        figures |= dict.fromkeys(OF_LABELS)
    return Evaluation(
        train=train,
        test=test,
        rounds=rounds,
        test_scores=test_scores,
        figures=figures | {"dataset": _dataset(inputs)},
        round_rows=rows,
        removed_rows=gone,
        score_rows=score_rows(test, test_scores),
        localisation=localisation,
        removed_maps=_of_whole_pictures(removal.cleaning.maps, gone, inputs),
        bit_depth=inputs.images.bit_depth,
    )


def estimates(groups: TwoGroups | None) -> dict[str, object]:
    """What ``metrics.json`` says of defective images among the training images, without a label."""
    return {
        "clean_probability": groups and groups.clean_probability,
        "defective_share": groups and groups.share,
        "defective_share_interval": groups and list(groups.interval),
    }


def _of_whole_pictures(maps: Tensor | None, rows: Sequence[Row], inputs: Inputs) -> Tensor | None:
    """Maps of what the removal looks at, as maps of the pictures: (R, h, w), one a removed row."""
    if maps is None or not len(maps):
        return maps
    paths = {sample.name: sample.path for sample in inputs.train}
    carried = [
        inputs.removal_extractor.carried_back(paths[row["path"]], heat)
        for row, heat in zip(rows, maps, strict=False)
    ]
    return torch.stack(carried)


def _dataset(inputs: Inputs) -> dict[str, object]:
    """What ``metrics.json`` says of the images; digests tell whether two runs saw the same ones."""
    images, pool = inputs.images, inputs.pool
    return {
        **images.facts(),
        "grouped_by": inputs.grouped_by,
        **{
            seen: set_digest((images.hashes[i], images.samples[i].label) for i in those)
            for seen, those in (("trained", pool.train), ("tested", pool.test))
        },
        "masks": masks_digest(
            (images.hashes[i], images.samples[i].mask) for i in pool.test if images.samples[i].label
        ),
    }
