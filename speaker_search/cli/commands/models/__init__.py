"""Commands about encoders, data sets, pictures and doubtful labels."""
