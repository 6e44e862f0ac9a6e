"""What spans the groups of the configuration: the whole, checks, identity. Imports no torch."""
