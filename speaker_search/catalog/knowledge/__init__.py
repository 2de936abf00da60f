"""What is known of characters beyond their clips: stored voices, verdicts and credits."""
