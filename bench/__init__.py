"""The speed of the service, measured before a fake exchange on loopback: ``make bench``."""
