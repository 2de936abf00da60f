"""Models: fine-tuned on the catalog."""
