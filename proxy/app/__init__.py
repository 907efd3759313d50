"""The composition root: settings in, a running proxy out. Nothing else chooses implementations."""
