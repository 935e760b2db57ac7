"""Texts that a page must show and not run."""

HOSTILE = "<script>window.attacked = true</script>"
FORMULA = r"$$\frac{1}{2}$$"
"""What Bokeh takes for a formula, and would load a library for."""
BREAKS_OUT = '</script><img src=x onerror="window.attacked = true">'
