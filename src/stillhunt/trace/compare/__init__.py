"""
What a model gained and what it lost: the same items put to teacher, base model, suspect and controls, and compared in pairs.

`outcomes` reads who got what right and who refused what; `paired` has the exact tests and intervals; `transfer` is about
abilities, `guardrails` about refusals, `judge` about a judge's errors. None of it says where a model's answers came from: only
the coins of an audit do. NumPy and SciPy are enough for all of these; `inspect_tasks` and `.eval` logs need the extra `[inspect]`.
"""
