"""The commands: arguments, then one function of the pipeline."""
