"""Who may do what, and what it consumed. Pure: no socket, no clock, no framework."""
