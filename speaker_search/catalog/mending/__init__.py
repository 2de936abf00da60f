"""Names mended by people: what stands for a name, renaming and merging, and undoing both."""
