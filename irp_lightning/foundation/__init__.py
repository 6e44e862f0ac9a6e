"""What every package stands on: errors, declared values, whole files, processes. Imports no torch."""
