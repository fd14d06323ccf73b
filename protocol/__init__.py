"""FMZ's side: its names, formats and rules. Knows no exchange, no Flask and no database."""
