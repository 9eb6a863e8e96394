"""What is different between two results of one operation: its own tables, asked as any result table is."""

from services.results.compare.models import ComparedTable, Comparison, KindCount
from services.results.compare.service import PLANS, CompareService, main_table

__all__ = ["PLANS", "CompareService", "ComparedTable", "Comparison", "KindCount", "main_table"]
