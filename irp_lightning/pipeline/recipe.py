"""One experiment, top to bottom."""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from irp_lightning.cleaning.report import Content, settings_of
from irp_lightning.config.experiment import Experiment
from irp_lightning.data.contamination import draw_pool
from irp_lightning.data.dataset import KNOWN_IMAGES, read_images
from irp_lightning.data.files.content import masks_digest, set_digest
from irp_lightning.data.files.known_images import KnownImages
from irp_lightning.data.groups import fold_groups
from irp_lightning.data.verdicts import read_verdicts
from irp_lightning.detectors.build import check_shareable
from irp_lightning.detectors.devices import check_trainer, choose_device
from irp_lightning.detectors.fit import Checkpoints
from irp_lightning.evaluation.evaluation import evaluate
from irp_lightning.features.preparation import prepare_features
from irp_lightning.foundation.errors import named
from irp_lightning.foundation.names import printable
from irp_lightning.localisation.localisation import localise_some
from irp_lightning.pipeline.extractors import extractors_of
from irp_lightning.pipeline.fitting import Fitting
from irp_lightning.pipeline.product import calibration_of, find_suspects, write_product
from irp_lightning.refinement.checks import check_explains, check_refinement, check_verdicts
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.copies import number_copies, shared_verdicts
from irp_lightning.refinement.ranking import follow, rank
from irp_lightning.runs.folder import CHECKPOINT, CLEANING
from irp_lightning.runs.manifest import manifest_text
from irp_lightning.runs.results import facts, write_evaluation
from irp_lightning.runs.session import session
from irp_lightning.tracking.loggers import log_evaluation, logging_to

__all__ = ["run"]


def run(e: Experiment, path: Path) -> dict[str, Any]:
    """Run one experiment and leave its run folder behind; go on with one that was stopped.

    Args:
        e: The checked configuration.
        path: The run folder.

    Returns:
        What ``metrics.json`` holds. Of several processes that train together only the first has it;
        the others get an empty one.

    Raises:
        InputError: The configuration or the data are not fit for a run. Nothing was written, unless
            the refinement rule met scores that it cannot judge.
    """
    with session(e, path) as here:
        with here.watch("read"):
            named("trainer")(check_trainer)(e.trainer)
            if e.false_alarms is not None:
                named("refine")(check_explains)(e.refine)
            extractors = extractors_of(e)
            if e.trainer.is_distributed:
                named("model")(check_shareable)(e.model, extractors.detector.dim)
            known = KnownImages(Path(e.cache_dir) / KNOWN_IMAGES)
            images = named("data")(read_images)(e.data, known)
            extractors = extractors.at_depth(images.depth)
            extractor, views = extractors.detector, extractors.views
            pool = draw_pool(images, e.data.split, e.contamination.kind, e.noise, e.seed)
            train = pool.of(images.samples)
            groups = None
            if e.refine.is_out_of_sample:
                grouped, hashes = pool.of(images.groups), pool.of(images.hashes)
                groups = fold_groups(train, grouped, hashes, e.data.groups, images.depth)
            named("refine")(check_refinement)(e.refine, len(pool.train), groups)
            copies = number_copies(pool.of(images.hashes))
            verdicts, about_review = read_verdicts(e.review, train) if e.review else ({}, [])
            shared = shared_verdicts(verdicts, copies, [sample.name for sample in train])
            check_verdicts(shared, len(train))
        for remark in [*images.remarks, *about_review]:
            print(f"! {remark.text}" if remark.falsifies else remark.text)
        if not e.noise and (held_back := sum(images.samples[i].label for i in pool.dropped)):
            print(f"{held_back} defective images are held back: the test set is the same at any noise")
        if e.batch_size > len(pool.train):
            print(f"batch_size={e.batch_size}: an epoch is one batch of the {len(pool.train)} images")

        with here.watch("features"):
            files = [sample.path for sample in images.samples], images.hashes
            device = choose_device(e.trainer)
            (_, bank), *beside = extractors.with_banks(Path(e.cache_dir))
            features = prepare_features(extractor, bank, *files, e.features, device)
            patches = None
            for looking, place in beside:
                patches = prepare_features(looking, place, *files, e.features, device, once=True)

        review = Path(e.review).read_bytes() if e.review else None
        here.begin(manifest_text(images, pool, Path(e.data.root)), review)
        about = facts(
            refine=e.refine,
            model=e.model,
            backbone=e.backbone,
            contamination=e.contamination,
            data=e.data,
            noise=e.noise,
            lam=e.lam,
            seed=e.seed,
        )
        with logging_to(e.logger.wandb, path, here.config, about) as loggers:
            with here.watch("fit"):
                fitting = Fitting(
                    extractor,
                    features,
                    pool,
                    e.model,
                    e.trainer,
                    views,
                    e.epochs,
                    e.batch_size,
                    e.seed,
                    pool.of(images.headers),
                )
                begun, keep = Cleaning.load(here.cleaning), partial(here.keep, CLEANING)
                trusted = torch.tensor([sample.trusted for sample in train])
                scorer = None
                if groups is not None:
                    scored = fitting.training_images(patches, groups)
                    scorer = fitting.scorer(e.refine, scored)
                cleaning = automatic = fitting.clean(
                    e.refine, scorer, begun, lambda c: keep(c.save), copies, trusted
                )
                if e.false_alarms is not None and scorer is not None:
                    ranking = rank(scorer, cleaning.active, copies)
                    if verdicts:
                        cleaning = follow(cleaning, ranking, verdicts, copies, trusted)
                del scorer  # its distances may be gigabytes
                fitted = fitting.fit(
                    e.refine,
                    cleaning,
                    loggers=loggers,
                    checkpoints=Checkpoints(partial(here.keep, CHECKPOINT), e.checkpoint_seconds),
                    resume=here.checkpoint,
                    folder=path,
                )
            references = None
            if e.references:
                with here.watch("references"):
                    matched = e.references == "matched"
                    references = fitting.references(e.refine, cleaning, fitted, matched=matched)
            if not here.is_first:
                return {}

            localisation = None
            if e.localise != 0:
                with here.watch("localise"):
                    localisation = localise_some(
                        fitted.detector,
                        extractor,
                        [images.samples[i] for i in pool.test],
                        count=e.localise,
                        seed=e.seed,
                        n_views=views.n_transforms_test,
                        device=device,
                    )
            with here.watch("evaluate"):
                evaluation = evaluate(images, pool, fitted, references, localisation)
                write_evaluation(here.folder, evaluation)
            metrics = {
                **about,
                **evaluation.figures,
                "dataset": {
                    **images.facts(),
                    "grouped_by": e.data.groups,
                    **{
                        seen: set_digest((images.hashes[i], images.samples[i].label) for i in those)
                        for seen, those in (("trained", pool.train), ("tested", pool.test))
                    },
                    "masks": masks_digest(
                        (images.hashes[i], images.samples[i].mask)
                        for i in pool.test
                        if images.samples[i].label
                    ),
                },
            }
            if e.false_alarms is not None and groups is not None:
                with here.watch("report"):
                    test = [images.samples[i] for i in pool.test]
                    calibration, scores = calibration_of(
                        fitting,
                        fitted,
                        cleaning,
                        groups,
                        e.false_alarms,
                        [s.label for s in test],
                        shared,
                    )
                    content = Content(
                        title=printable(Path(e.data.root).name),
                        suspects=find_suspects(scored, train, cleaning, ranking, scores, shared),
                        maps=ranking.maps,
                        calibration=calibration,
                        images=images,
                        rounds=cleaning.rounds,
                        settings=settings_of(e),
                        looks={train[i].name: defective for i, defective in verdicts.items()},
                        expected=int((~automatic.active).sum()),
                    )
                    metrics["cleaning"] = write_product(here.folder, test, content)
            log_evaluation(loggers, evaluation, metrics, fitted.steps, path)
        return here.finish(metrics)
