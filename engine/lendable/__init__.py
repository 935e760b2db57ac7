"""The most that may be lent on every right of a register under a policy: the run, its tasks and tables, and the result (docs/lending.md)."""
