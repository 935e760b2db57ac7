"""Lending against rights: what a loan pays, who bears its losses, what capital it takes. docs/numerics.md §19."""
