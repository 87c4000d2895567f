SELECT disk_name AS name, sum(bytes_on_disk) AS bytes
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY name
ORDER BY bytes DESC, name
