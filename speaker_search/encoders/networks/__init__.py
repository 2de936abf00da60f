"""Networks and filterbanks that several encoders are made of."""
