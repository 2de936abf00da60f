"""What computes an encoder: torch or OpenVINO on CPUs, torch on GPUs."""
