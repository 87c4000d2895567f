SELECT id, name, checksum FROM {database:Identifier}.schema_migrations FINAL ORDER BY id
