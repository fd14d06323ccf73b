"""An order is sent at most once."""
