"""Data sets that luban can name: one file each."""
