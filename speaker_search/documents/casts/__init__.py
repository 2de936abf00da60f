"""Voices, verdicts, credits and cast sheets as documents."""
