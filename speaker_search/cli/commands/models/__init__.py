"""Commands about encoders and data sets."""
