"""What a climb found, for a terminal and for a browser. Reads the climb document, runs nothing."""
