"""Processes on this machine: launching, finding and identifying them."""
