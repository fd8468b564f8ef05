"""HubSpotSyncComponent: syncs written down in YAML."""
