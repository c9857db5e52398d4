"""Checking whether one model at several providers is really the same: see docs/checkup.md.

questions → samples (through the gateway) → findings (by tests of significance) → a card for each target
"""
