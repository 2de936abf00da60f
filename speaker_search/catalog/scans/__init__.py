"""What scans found, written down: new, known, changed, relabelled and gone clips."""
