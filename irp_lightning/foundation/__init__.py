"""Base of every package: errors, declared values, atomic files, processes. Imports no torch."""
