"""The upgrade steps, in order. A released step is never changed."""
