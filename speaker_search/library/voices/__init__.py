"""Who plays whom: the cast, verdicts and credits, as parts of the library."""
