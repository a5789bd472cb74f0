"""The pages, a file each: what is read for one, and what its buttons do."""
