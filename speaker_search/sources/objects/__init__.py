"""Object storage: addresses, and reading what is there, through fsspec."""
