"""What is derived from the catalog by following its change log: the clip index and the characters."""
