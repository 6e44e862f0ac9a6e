"""What spans the groups of the configuration: the whole, checks across groups, identity. Imports no torch."""
