"""Query clips -> hits -> matches; scoring and calibration."""
