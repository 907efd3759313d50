"""What operators see: metrics, the one log line per request, health. Fed by `proxy.accounts.ledger.Record`."""
