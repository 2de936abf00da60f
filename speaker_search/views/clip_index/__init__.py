"""The nearest clips to a vector, and a character's or game's clips, without the database."""
