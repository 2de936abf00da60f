"""What people have said: verdicts, credits, and the voices that stand on them."""
