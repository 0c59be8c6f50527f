"""Reusable drawing for the pages."""
