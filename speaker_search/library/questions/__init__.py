"""Questions: what they are made of, heard and answered."""
