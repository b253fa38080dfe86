"""One module for each resource, with its `blueprint` and `ACCESS`; `work` and `imports` are what several share."""
