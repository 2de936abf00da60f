"""Spaces side by side: arrays in, numbers out."""
