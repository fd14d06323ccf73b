"""The commands of ``fmz-gateway`` that call a running gateway, and what the others need: one module each."""
