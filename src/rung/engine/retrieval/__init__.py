"""Retrieval: encoders, their vectors kept by digest, the index, the search, and the form in which passages are shown."""
