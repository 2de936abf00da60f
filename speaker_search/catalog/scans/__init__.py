"""Registering what scans found: new, known, changed, relabelled and gone clips."""
