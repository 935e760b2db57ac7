"""Results as Excel workbooks, for people whose tool is a spreadsheet."""

from ipvalue.export.exported import Exported, export

__all__ = ["Exported", "export"]
