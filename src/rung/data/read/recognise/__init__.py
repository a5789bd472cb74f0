"""What a file that nobody has described yet is: its encoding, its layout, its header; and what shows it."""
