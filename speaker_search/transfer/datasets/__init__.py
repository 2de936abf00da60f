"""Voices as data sets to train on: which clips, in which split, in which form."""
