"""Proofs at full size: each module has ``run()``, and runs by ``python -m``."""
