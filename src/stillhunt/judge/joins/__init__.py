"""Exact joins: what one account of a set was given and another sent back. Each is a test with a null of its own."""
