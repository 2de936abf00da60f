"""What is known of characters beyond their clips: people's verdicts, credits, and the voices kept from both."""
