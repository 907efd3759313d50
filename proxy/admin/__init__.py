"""The operator's listener: metrics and health, on a port of its own."""
