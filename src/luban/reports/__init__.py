"""Evidence as people read it: a page, a model card, a few lines on a terminal. All are views; nothing is measured."""
