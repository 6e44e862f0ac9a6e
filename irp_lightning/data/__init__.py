"""The images, and the ones that a run may use."""
