"""Which images exist, and which of them a run may see."""
