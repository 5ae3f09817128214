"""DaVinci Resolve: its menu scripts put in place, and the work for the edition whose scripts may start no program."""
