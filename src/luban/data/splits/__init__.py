"""Ways to hold rows out: one file each."""
