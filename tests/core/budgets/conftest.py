"""Somebody who owns turns and somebody who sets budgets, and both kinds of database."""

from tests.core.tracing.conftest import ids

__all__ = ["ids"]
