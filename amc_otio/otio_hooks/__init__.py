"""What the OpenTimelineIO plugins of ``adapters/`` do: thin files over this room (docs/otio-plugin.md)."""
