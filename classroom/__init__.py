"""What a teacher runs: hand out exercises, grade what comes back."""
