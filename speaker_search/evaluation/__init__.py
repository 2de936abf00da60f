"""How well search and cast do against known voice actors: arrays in, numbers out."""
