"""What to train and how: the recipe, its edits, and how both are read and checked."""
