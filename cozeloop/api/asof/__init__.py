"""Reads of the contract as of a position or time: ``/v1/platform/as-of/<contract path>``."""
