"""What comes from outside: copied, looked at file by file, held against its base, and registered as a claim."""
