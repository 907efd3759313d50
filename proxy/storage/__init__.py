"""The ports of accounts/ made real: tenants, keys and the audit log in a database, limits in memory or Redis."""
