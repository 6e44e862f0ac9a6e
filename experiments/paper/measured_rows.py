"""The runs of the measured grid as rows of text.

They come from a sweep and from what was kept of sweeps before. Cells of seed 0 that both lack are taken
from the robustness study, which ran the same commands.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common import sweeps
from common.tables import read_rows

from irp_lightning.config.identity import run_identity
from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.record import Record

__all__ = [
    *("CATEGORIES", "IN_SAMPLE", "LAM", "METHODS", "NOISES", "OUT", "TITLES", "USUAL", "Row", "areas"),
    *(
        "collected",
        "is_usual",
        "of_vanillas_seeds",
        "printed",
        "protocol_of",
        "same_cell",
        "shared_by_all",
        "title",
    ),
]

HERE = Path(__file__).parent
OUT = HERE / "measured"
RESULTS = OUT / "results.csv"
STUDY = HERE.parent / "robustness" / "results.csv"

CATEGORIES = ("bottle", "capsule", "pill", "screw")
METHODS = ("none", "osr", "irp", "irp_all", "robust", "oracle")
TITLES = {"none": "vanilla", "oracle": "oracle (uses labels)"}
NOISES = ("0", "0.1", "0.2", "0.3", "0.4", "0.5")
IN_SAMPLE = METHODS[1:4]
LAM = "1.5"
SOURCES = ("robustness", "first round", "sweep")
"""Where a row may be from; a later one takes the place of an earlier one, however old it is."""

FIGURES = ("image_auroc", "removed_good", "removed_bad", "train_images", "rounds", "separation")

PROTOCOL = {
    "kind": "contamination.kind",
    "rule": "refine.rule",
    "retrain": "refine.scoring.retrain",
    "score": "model.score",
    "precision": "model.precision",
}
"""What else may differ between runs, and the key of a run's identity that says so."""

FLOWS = {
    "differnet_small": {"epochs": 60, "batch_size": 32},
    "differnet": {"epochs": 400, "batch_size": 96},
}
"""The small one, of which the grid is, and the paper's own size; how they are trained."""

USUAL = {
    "kind": "share",
    "rule": "lambda_median",
    "retrain": "continue",
    "score": "latent",
    "model": "differnet_small",
    "precision": "fp32",
}
SPOKEN = {"scratch": "from scratch", "iqr": "Tukey's fence"}

Row = dict[str, Any]


def collected(folders: Sequence[Path]) -> list[Row]:
    """All runs: those of sweeps, then those kept of sweeps before, then the study's.

    A run that removes between rounds is a vanilla run until then, and counts as one where none was made.

    Raises:
        InputError: A sweep has no run to collect.
    """
    rows: dict[tuple[str, ...], Row] = {}
    study = [
        of_study(row)
        for row in read_rows(STUDY)
        if row["model"] == USUAL["model"] and row["category"] in CATEGORIES and row["noise"] in NOISES
    ]
    kept = read_rows(RESULTS) if RESULTS.is_file() else []
    records = [record for folder in folders for record in records_of(folder)]
    first = [of_first_round(r) for r in records if r.metrics["method"] in IN_SAMPLE]
    found = (*study, *kept, *first, *map(of_record, records))
    for row in sorted(found, key=lambda row: SOURCES.index(row["source"])):
        rows[cell(row)] = row
    return [rows[key] for key in sorted(rows)]


def records_of(folder: Path) -> list[Record]:
    """The runs of a sweep that are of the two flows and the four categories.

    Raises:
        InputError: There is none, or one was trained otherwise and would take another's place.
    """
    records = [
        record
        for record in sweeps.records(folder)
        if record.metrics["model"] in FLOWS and record.metrics["category"] in CATEGORIES
    ]
    if not records:
        wanted = f"{' or '.join(FLOWS)} on {', '.join(CATEGORIES)}"
        raise InputError(f"{folder} holds no finished run of {wanted}")
    for record in records:
        trained = {**FLOWS[record.metrics["model"]], "backbone": "alexnet"}
        found = {**record.config, "backbone": record.metrics["backbone"]}
        for key, value in trained.items():
            if found[key] != value:
                raise InputError(f"{record.folder} has {key}={found[key]}; the grid's runs have {value}")
    return records


def of_first_round(record: Record) -> Row:
    """Vanilla training, which is what a method that removes later has done until then."""
    first = record.rounds()[0]
    return {
        **of_record(record),
        "method": "none",
        "lam": LAM,
        **{key: USUAL[key] for key in ("rule", "retrain")},
        "image_auroc": first["image_auroc"],
        "removed_good": "0",
        "removed_bad": "0",
        "train_images": first["active"],
        "rounds": "0",
        # Of records of then: it is no figure of a run any more.
        "separation": "0.0" if "separation" in record.metrics else "",
        "source": "first round",
    }


def of_record(record: Record) -> Row:
    """A run as a row, every value a text."""
    m = record.metrics
    return {
        **{key: str(m[key]) for key in ("category", "method", "model")},
        "noise": f"{m['noise_requested']:g}",
        "lam": f"{m['k']:g}" if m["method"] in IN_SAMPLE else LAM,  # to others it means nothing
        "seed": str(m["seed"]),
        **{key: protocol_of(record, key) for key in PROTOCOL},
        **{key: "" if m.get(key) is None else str(m[key]) for key in FIGURES},
        "source": "sweep",
    }


def protocol_of(record: Record, key: str) -> str:
    """A value of the run's configuration that protocols differ in."""
    if key == "rule" and record.metrics["method"] not in IN_SAMPLE:
        return USUAL["rule"]  # it removes nothing, or by a rule that is its own
    return str(run_identity(record.config).get(PROTOCOL[key], USUAL[key]))


def of_study(row: Mapping[str, str]) -> Row:
    """A row of the robustness study as one of ours."""
    return {
        **{key: row[key] for key in ("category", "method", "noise")},
        "lam": LAM,
        "seed": row["seed"],
        **USUAL,
        **{key: row.get(key, "") for key in FIGURES},
        "source": "robustness",
    }


def cell(row: Row) -> tuple[str, ...]:
    """What a run is of."""
    return tuple(row[key] for key in ("category", "method", "noise", "lam", "seed", *USUAL))


def same_cell(rows: Iterable[Row], wanted: Row) -> Row | None:
    """The run of a cell, if it was made."""
    return next((row for row in rows if cell(row) == cell(wanted)), None)


def is_usual(row: Row) -> bool:
    """Whether nothing but method, λ, noise and seed sets a run apart."""
    return all(row[key] == value for key, value in USUAL.items())


def title(row: Row) -> str:
    """A method by name, and by what else is unusual about the run."""
    different = [SPOKEN.get(row[key], row[key]) for key, value in USUAL.items() if row[key] != value]
    factor = "λ" if row["rule"] == USUAL["rule"] else "k"
    lam = [f"{factor} = {row['lam']}"] if row["lam"] != LAM and row["method"] in IN_SAMPLE else []
    return ", ".join([TITLES.get(row["method"], row["method"]), *lam, *different])


def shared_by_all(rows: Sequence[Row]) -> list[Row]:
    """Those whose method, noise and seed every category has: a mean must be of the same seeds."""
    found = Counter((title(row), row["noise"], row["seed"]) for row in rows)
    return [row for row in rows if found[title(row), row["noise"], row["seed"]] == len(CATEGORIES)]


def of_vanillas_seeds(rows: Sequence[Row]) -> list[Row]:
    """Without methods that lack, at a noise, a seed that vanilla training has: means must compare."""
    seeds: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        seeds[row["method"], row["noise"]].add(row["seed"])
    return [r for r in rows if seeds[r["method"], r["noise"]] == seeds["none", r["noise"]]]


def areas(rows: Iterable[Row], **wanted: str) -> list[float]:
    """The AUROC of the rows that have these values; at noise 0 the oracle is vanilla."""
    if wanted.get("noise") == "0" and wanted.get("method") == "oracle":
        wanted["method"] = "none"
    return [float(row["image_auroc"]) for row in rows if all(row[k] == v for k, v in wanted.items())]


def printed(entity: str) -> dict[str, float]:
    """What the paper's Table 1 prints in a row, by noise."""
    row = next(row for row in read_rows(HERE / "table1.csv") if row["entity"].lower() == entity.lower())
    return {noise: float(row[noise]) for noise in NOISES}
