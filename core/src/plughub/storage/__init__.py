"""Database tables, transactions outside the event loop, and the queries for each kind of record."""
