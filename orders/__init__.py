"""Orders, each sent at most once: the journal, the look-ups, and the desk that places and cancels."""
