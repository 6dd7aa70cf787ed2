"""
Sets that are watched after a hunt: frozen as they are, judged on later calls alone, read at any time.

A hunt looks at one log once, at one level. Whoever hunts every hour and stops when something is found has looked many
times, and the level is gone. A watched set gathers evidence that may be looked at whenever one likes: each block of
later days is a bet against the null, and what the bets have paid is an e-process.
"""
