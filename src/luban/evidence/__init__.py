"""What was measured and found: measurements with their intervals, findings, repairs, footprint."""
