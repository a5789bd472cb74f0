"""Which column of a file is what, told by names and by what stands in them; for files whose rows do not say so themselves."""
