"""Large values by name, behind one port: files here, an object store in the distributed shape."""

from infra.objects.files import FileObjects

__all__ = ["FileObjects"]
