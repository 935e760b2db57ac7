"""The uncertain inputs of rows: what they may be, and what the kernels draw them from (docs/model.md, docs/numerics.md §17)."""

from ipvalue.uncertain.compile import inputs_of
from ipvalue.uncertain.inputs import Inputs, inputs_differ, join_inputs, same_inputs
from ipvalue.uncertain.rules import check_inputs

__all__ = ["Inputs", "check_inputs", "inputs_differ", "inputs_of", "join_inputs", "same_inputs"]
