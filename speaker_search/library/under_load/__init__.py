"""Keeps searches quick beside each other and beside an ingest, and times their stages."""
