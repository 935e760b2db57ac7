"""The sections of a report, by what they tell of: each takes a result and a language, and gives what a page holds."""
