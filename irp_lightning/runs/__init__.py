"""Results of a run: its folder, tables and figures."""
