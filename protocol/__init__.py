"""FMZ's side: its names, formats and rules. It knows no exchange, no Flask and no database."""
