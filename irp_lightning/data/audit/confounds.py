"""File properties, other than defects, that separate normal from defective images."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from irp_lightning.data.audit.remarks import Remark
from irp_lightning.data.files.headers import Header
from irp_lightning.data.samples import Sample

__all__ = ["confound_remarks"]

LOOKS: dict[str, Callable[[Header], Hashable]] = {
    "format": lambda header: header.format,
    "colour": lambda header: "in colour" if header.colour else "grey",
    "size": lambda header: "{} x {}".format(*header.upright),
}


def confound_remarks(samples: Sequence[Sample], headers: Sequence[Header | None]) -> list[Remark]:
    """Say where no defective image has the format, colours or size that normal images have.

    A detector, or a removal, may go by that and not by the part. Sizes count where most normal images
    have one: where each picture has its own, they tell nothing.
    """
    remarks = []
    for kind, look in LOOKS.items():
        values: list[Counter[Hashable]] = [Counter(), Counter()]
        for sample, header in zip(samples, headers, strict=True):
            if header is not None:
                values[sample.label][look(header)] += 1
        normal, defective = values
        if not normal or not defective or normal.keys() & defective.keys():
            continue
        (usual, count), (other, _) = normal.most_common(1)[0], defective.most_common(1)[0]
        if 2 * count > normal.total():
            text = (
                f"normal images are {usual} and defective ones {other}, and the two do not overlap: "
                "a detector may separate them by the file and not the part"
            )
            remarks.append(Remark(f"{kind}_tells", defective.total(), text, falsifies=True))
    return remarks
