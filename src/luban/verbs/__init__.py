"""What a person can ask for, as functions."""
