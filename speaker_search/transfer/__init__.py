"""The catalog as files: backups of all of it, and voices (names and vectors, without audio) as Parquet."""
