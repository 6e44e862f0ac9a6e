"""The same in Python: clean images, fit a detector, score and explain images.

Images are files, PIL pictures or arrays, one or many. Forty photographs as a camera gives them, four of
them of cracked tablets (drawn, so that this runs anywhere; the overrides make it quick):

>>> from irp_lightning import Detector, clean, fit
>>> from irp_lightning.data.generated.category import generate_image
>>> photos = [generate_image("tablet", i, defect=None if i % 10 else "crack")[0] for i in range(40)]
>>> quick = ["patches.image_size=160", "patches.grid=10"]

Find what does not belong, the worst first, and fit a detector to the rest, with a threshold that one
good part in twenty may exceed:

>>> found = clean(photos, false_alarms=0.05, overrides=quick)
>>> sorted(found.suspects)
['image 0', 'image 10', 'image 20', 'image 30']
>>> int(found.active.sum()), len(found.kept)
(36, 36)

Score other images, and see where in a picture a score comes from:

>>> good, chipped = (generate_image("tablet", 1, split="test", defect=d)[0] for d in (None, "chip"))
>>> bool(found.detector.score(good) < found.detector.threshold < found.detector.score(chipped))
True
>>> found.detector.score([good, chipped]).shape, found.detector.explain(chipped).shape
(torch.Size([2]), torch.Size([64, 64]))

A detector is one file:

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> file = Path(mkdtemp()) / "tablets.ckpt"
>>> found.detector.save(file)
>>> Detector.load(file).threshold == found.detector.threshold
True

Fit one to images that are known to be normal; nothing is removed:

>>> trusted = fit(found.kept, false_alarms=0.1, overrides=quick)
>>> bool(trusted.score(chipped) > trusted.threshold)
True
"""

from irp_lightning.api.cleaning import Cleaning, ReviewCheck, clean
from irp_lightning.api.detector import Detector
from irp_lightning.api.fitting import fit
from irp_lightning.api.refining import Removal, refine

__all__ = ["Cleaning", "Detector", "Removal", "ReviewCheck", "clean", "fit", "refine"]
