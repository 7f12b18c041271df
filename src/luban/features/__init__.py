"""How the values of a column become numbers: one file a data type."""
