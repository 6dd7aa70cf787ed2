"""What happens at a gateway: candidates are drawn, a keyed coin picks the one that is served, and a ledger is kept."""
