"""DaVinci Resolve: what is open, what this edition can do. hasattr() is always True there, so dir() is asked."""

from amc_otio_resolve.problems import Problem


def can(thing, name):
    """Whether an object of Resolve has a call or a constant."""
    return name in dir(thing)


def find_resolve(names):
    """The application, from the menu's names or from a script outside."""
    resolve = names.get("resolve")
    if resolve is None and names.get("bmd") is not None:
        resolve = names["bmd"].scriptapp("Resolve")
    if resolve is None:
        try:
            import DaVinciResolveScript
        except ImportError:
            raise Problem(
                "DaVinci Resolve was not found",
                "start this from Workspace > Scripts, or set PYTHONPATH to Resolve's Developer/Scripting/Modules",
            )
        resolve = DaVinciResolveScript.scriptapp("Resolve")
    if resolve is None:
        raise Problem(
            "DaVinci Resolve does not answer",
            "start it, and allow external scripting in Preferences > System > General (from 21.1 that needs Studio; "
            "in the free edition use the Lua menu entries)",
        )
    return resolve


class Host:
    """The application, its open project and timeline."""

    def __init__(self, resolve):
        self.resolve = resolve
        manager = resolve.GetProjectManager()
        self.project = manager.GetCurrentProject() if manager is not None else None
        if self.project is None:
            raise Problem("No project is open", "open a project and a timeline, then start this again")
        self.timeline = self.project.GetCurrentTimeline()
        if self.timeline is None:
            raise Problem("No timeline is open", "open the timeline on the Edit page, then start this again")
        self.pool = self.project.GetMediaPool()

    def timelines(self):
        """Every timeline of the project."""
        count = self.project.GetTimelineCount()
        found = [self.project.GetTimelineByIndex(number) for number in range(1, int(count) + 1)]
        return [timeline for timeline in found if timeline is not None]

    def timeline_named(self, name):
        """A timeline by its name, or None."""
        for timeline in self.timelines():
            if timeline.GetName() == name:
                return timeline
        return None

    def unique_name(self, name):
        """`name`, or with a number behind it: a name in use makes no timeline."""
        taken = {timeline.GetName() for timeline in self.timelines()}
        number, wanted = 2, name
        while wanted in taken:
            wanted = "{} {}".format(name, number)
            number += 1
        return wanted

    def folders(self):
        """Every bin of the media pool, as (path, bin)."""
        found, left = [], [("", self.pool.GetRootFolder())]
        while left:
            above, folder = left.pop(0)
            path = "{}/{}".format(above, folder.GetName()) if above else folder.GetName()
            found.append((path, folder))
            left += [(path, inner) for inner in folder.GetSubFolderList() or []]
        return found
