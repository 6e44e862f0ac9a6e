"""The whole configuration: its type, checks across groups, identity. Imports no torch."""
