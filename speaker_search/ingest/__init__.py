"""Sources -> audio -> encoders -> catalog -> index."""
