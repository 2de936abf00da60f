"""Known voice actors: read from lists, matched to the catalog, and compared with what the voices say."""
