"""Tools for the author of an adapter, to test it with."""
