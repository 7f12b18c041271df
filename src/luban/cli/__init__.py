"""The command line: options in, exit codes out. What the verbs do is in `luban.verbs`; how results look in `luban.reports`."""
