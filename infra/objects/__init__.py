"""Large values and uploaded files by name, behind one port: files here, an object store in the distributed shape."""

from infra.objects.files import FileObjects
from infra.objects.port import FileDamaged, FileTooLarge, ObjectsUnavailable
from infra.objects.sealed import SealedFiles, UploadedFile

__all__ = ["FileDamaged", "FileObjects", "FileTooLarge", "ObjectsUnavailable", "SealedFiles", "UploadedFile"]
