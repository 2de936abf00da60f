"""What is answered about models: how one was trained."""
