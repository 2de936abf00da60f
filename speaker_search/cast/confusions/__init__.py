"""Characters that are heard as one voice, and whom nobody has judged yet."""
