ALTER TABLE dirty_windows DELETE WHERE done = 1 AND at < {before:DateTime64(3, 'UTC')} SETTINGS mutations_sync = 1
