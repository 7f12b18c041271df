"""From encoded rows to a fitted, chosen and calibrated form: candidates, folds, budget, resume."""
