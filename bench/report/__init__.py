"""docs/benchmarks.md and its charts, from the JSON of a full run."""
