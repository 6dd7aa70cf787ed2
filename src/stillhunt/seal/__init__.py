"""
What makes evidence checkable by an outsider: canonical bytes, Merkle trees, a chained journal, keys and signatures.

Common ground: stages, the ledger of responses and the command line all seal with it. It judges nothing and reads no
clock; times arrive as arguments. Signing needs the extra `evidence`.
"""
