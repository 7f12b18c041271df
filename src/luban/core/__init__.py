"""What every floor above needs and no library gives: standard library only, nothing of machine learning."""
