"""
The audit of a suspect model: exact evidence from what was randomised while serving, indicators apart from it.

`coin`, `radioactivity` and `canary` are the three channels; each is a sum whose null law we made ourselves (`null_sum`).
`suspects` asks models for scores and samples; `attribution` and `channels` put tests together; `detectable` says what a
negative could have missed. NumPy and SciPy are enough for all of these.
"""
