"""What routes share: access to the services, bodies, problems, streams."""
