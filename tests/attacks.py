"""Texts that a page must show and not run."""

HOSTILE = "<script>window.attacked = true</script>"
BREAKS_OUT = '</script><img src=x onerror="window.attacked = true">'
