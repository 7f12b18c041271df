"""Trainers: one file a kind of model. What they return is a form."""
