INSERT INTO {database:Identifier}.schema_migrations (id, name, checksum, server)
SELECT {id:UInt32}, {name:String}, {checksum:String}, {server:String}
