"""Scores: one file each, with its direction and definition."""
