"""The base that adapters are written on."""
