"""Workers on the nodes of a Ray cluster. Ray is imported only where one is joined."""
