-- The server's own log tables: their size, and whether anything ever leaves them.
SELECT name, ifNull(total_bytes, 0) AS bytes, position(create_table_query, ' TTL ') > 0 AS bounded
FROM system.tables
WHERE database = 'system' AND engine LIKE '%MergeTree'
ORDER BY name
