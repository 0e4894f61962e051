"""What R calls."""
