"""
Models under test, and models that they are compared with.

`open_weights` reads weights with `transformers` (GGUF included); `api` asks an OpenAI-compatible endpoint within a budget. What
a suspect can do is a set of abilities; a test that needs one that is not there does not run, and the report says so.
"""
