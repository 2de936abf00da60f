"""What is answered about encoders and data sets."""
