"""The documents of searches."""
