"""The ways in which voices are arranged, and the clip candidates that each gives."""
