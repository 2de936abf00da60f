"""Clips that may have the wrong character, with lines to hear. Nothing is moved here."""
