"""Sends an order at most once: its journal, its look-ups, and the desk that places it."""
