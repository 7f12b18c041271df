"""The command line: options in, exit codes out. What the verbs do is elsewhere, and so is how results look."""
