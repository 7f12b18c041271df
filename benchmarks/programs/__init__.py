"""Small training programs, healthy ones and the same with a fault: what `benchmarks/doctor.py` judges the doctor by."""
