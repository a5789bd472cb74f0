"""Does what a fine-tuning job of a server asks for: a climb of the rungs that train weights; its validation file is the check."""
