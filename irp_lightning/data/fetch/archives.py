"""The archives of published datasets: where they lie, and what they must be."""

from dataclasses import dataclass

__all__ = ["ARCHIVES", "NOT_OFFERED", "Archive"]


@dataclass(frozen=True)
class Archive:
    """One file that holds a dataset.

    Attributes:
        url: Its publisher's.
        sha256: Its digest, in hexadecimal digits.
        size: In bytes.
        licence: Of the images.
    """

    url: str
    sha256: str
    size: int
    licence: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rsplit("/", 1)[-1]


# The digests are those that anomalib checks (src/anomalib/data/datamodules/image/).
ARCHIVES = {
    "mvtec": Archive(
        "https://www.mydrive.ch/shares/38536/3830184030e49fe74747669442f0f282/download/420938113-1629952094/mvtec_anomaly_detection.tar.xz",
        "cf4313b13603bec67abb49ca959488f7eedce2a9f7795ec54446c649ac98cd3d",
        5_264_982_680,
        "CC BY-NC-SA 4.0",
    ),
    "visa": Archive(
        "https://amazon-visual-anomaly.s3.us-west-2.amazonaws.com/VisA_20220922.tar",
        "2eb8690c803ab37de0324772964100169ec8ba1fa3f7e94291c9ca673f40f362",
        1_929_840_640,
        "CC BY 4.0",
    ),
    "btad": Archive(
        "https://avires.dimi.uniud.it/papers/btad/btad.zip",
        "461c9387e515bfed41ecaae07c50cf6b10def647b36c9e31d239ab2736b10d2a",
        1_229_193_337,
        "CC BY-NC-SA 4.0",
    ),
}
"""By the reader that reads them."""

NOT_OFFERED = {
    "ksdd2": "no digest of it is published; get it from www.vicos.si/resources/kolektorsdd2",
    "mvtec_ad2": "it needs a form; fill it in at www.mvtec.com/company/research/datasets/mvtec-ad-2",
    "mtd": "it states no licence; get it from github.com/abin24/Magnetic-tile-defect-datasets.",
}
"""Datasets that are to be had by hand alone, by reader, with the reason and the place."""
