"""Files in folders, on a disk or inside an archive, seen in the same way."""
