"""What an author of the book runs: nothing here is needed to read it."""
