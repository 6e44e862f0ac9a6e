"""The steps of a run, put together once for every command and for Python."""
