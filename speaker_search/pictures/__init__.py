"""Voices as pictures: arrays in, places out."""
