"""What keeps searches quick beside each other and beside an ingest, and what their parts take."""
