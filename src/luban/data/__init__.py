"""From a place to encoded rows: sources, schema, cache, splits, preprocessing."""
