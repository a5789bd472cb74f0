"""Documents for the retrieval rung: found, read in a contained process, cut into chunks, looked at for instructions."""
