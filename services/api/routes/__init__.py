"""The endpoints, by what they are about; paths are relative to the mount, usually ``/api``."""
