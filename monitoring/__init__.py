"""The gateway's log, its metrics, and the pages about it."""
