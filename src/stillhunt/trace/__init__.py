"""
Was a model trained on what this provider served? What is randomised and logged while serving, and tested later.

`serve` writes a ledger of coins, marks and canaries at a gateway; `audit` tests a suspect model against it. Needs the
extra `[trace]`; nothing else in the package imports this one.
"""
