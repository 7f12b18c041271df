"""Programs that show how runs go on: each is a file here. They read what a run writes down of itself, never the run."""
