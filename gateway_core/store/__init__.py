"""What must survive a crash, in one SQLite file: ledger, request log, stored answers, operator's state."""
