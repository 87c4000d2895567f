SELECT create_table_query FROM system.tables WHERE database = {database:String} AND name != 'schema_migrations' ORDER BY name
