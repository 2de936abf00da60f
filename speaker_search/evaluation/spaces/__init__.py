"""Encoding spaces side by side."""
