"""Train image anomaly detectors on data that nobody has cleaned."""

import sys

from irp_lightning.foundation.interrupts import interrupted_in_one_line, is_our_command

__all__ = ["__version__"]

__version__ = "0.1.0"

if is_our_command(sys.argv, sys.orig_argv):  # before all else: its imports take a second
    interrupted_in_one_line()
