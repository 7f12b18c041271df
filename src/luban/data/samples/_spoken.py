"""What the samples of spoken digits share: one is learned from and the other tests, so their columns are the same."""

from __future__ import annotations

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COLUMNS = ("path", "language", "speaker", "digit")
TABLE = "digits.csv"
