"""The test of a scorer on the user's own rows: made-up answers that are right, and near misses that are not."""
