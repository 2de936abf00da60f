"""Character profiles: built, calibrated, following the catalog, and saved."""
