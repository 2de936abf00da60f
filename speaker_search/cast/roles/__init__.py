"""Same character again, or the same actor in another role."""
