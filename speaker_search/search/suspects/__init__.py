"""Clips that sound less like their own character than like another."""
