"""Scorers that never saw what they score; each file is one, named as in ``refine.scoring``."""
