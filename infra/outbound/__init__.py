"""Requests to addresses that users gave: resolved once, to nowhere private, with bounds."""
