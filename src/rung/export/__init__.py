"""A version written as other programs read it, read again by these, and compared."""
