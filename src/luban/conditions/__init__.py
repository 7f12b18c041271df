"""The problems that the doctor knows: one file each."""
