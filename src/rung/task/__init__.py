"""A task file to a locked Task: its keys, where they stand, what is wrong with them."""
