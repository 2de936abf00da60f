"""Encoders and what becomes of them: compared, adopted, trained."""
