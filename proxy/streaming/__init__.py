"""Answers that arrive in pieces. Pure: bytes in, bytes out, in whatever slices; no socket, clock or log."""
