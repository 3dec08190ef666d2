"""What the rules say of a stack, for people and for other programs."""
