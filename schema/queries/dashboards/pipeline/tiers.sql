-- What lies where now. A price per tier is configured (dashboards.storage_usd_per_gb_month, 10⁹ bytes) or there is none.
SELECT
    tier,
    table,
    bytes,
    rows,
    parts,
    if(price > 0, toDecimal128(toDecimal256(bytes, 12) * price / 1000000000, 12), NULL) AS `USD a month`,
    if(price > 0, '', 'no price configured') AS note
FROM
(
    SELECT disk_name AS tier, table, sum(bytes_on_disk) AS bytes, sum(p.rows) AS rows, count() AS parts
    FROM system.parts AS p
    WHERE active AND database = currentDatabase()
    GROUP BY tier, table
) AS t
LEFT JOIN (SELECT key, value AS price FROM dashboard_figures_now WHERE name = 'storage_usd_per_gb_month') AS f ON f.key = t.tier
ORDER BY bytes DESC, tier, table
LIMIT 200
