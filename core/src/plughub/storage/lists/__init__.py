"""Queries for long lists: search, filters, order and pages, all in the database."""
