"""Archives of every kind, listed and read without unpacking them."""
