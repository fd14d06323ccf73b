"""What the author of an adapter is given to prove it with."""
