-- What lies on each disk of the database: a row per part, with the newest time in it where the table is cut by time.
SELECT
    p.table AS table,
    d.volume AS tier,
    p.rows AS rows,
    p.bytes_on_disk AS bytes,
    toDateTime(p.min_time, 'UTC') AS oldest,
    toDateTime(p.max_time, 'UTC') AS newest
FROM system.parts AS p
INNER JOIN system.tables AS t ON t.database = p.database AND t.name = p.table
LEFT JOIN
(
    SELECT policy_name, volume_name AS volume, arrayJoin(disks) AS disk
    FROM system.storage_policies
) AS d ON d.policy_name = t.storage_policy AND d.disk = p.disk_name
WHERE p.active AND p.database = {database:String}
ORDER BY table, newest
