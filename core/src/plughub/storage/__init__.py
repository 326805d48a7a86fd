"""The database: tables, short transactions off the loop, and the queries of each noun."""
