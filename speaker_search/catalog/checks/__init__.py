"""Checks of what the catalog stores, and the repair of its vectors."""
