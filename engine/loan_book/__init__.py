"""A book of loans against valued rights, lent on the paths of their valuation: the run, its tasks and tables, and the result (docs/lending.md)."""
