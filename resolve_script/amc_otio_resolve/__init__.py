"""What the menu scripts share: standard library, Python 3.6 and later, for DaVinci Resolve's interpreter."""
