SELECT
    topic,
    partition,
    complete_to AS `complete to`,
    greatest(toUnixTimestamp64Milli(now64(3)) - toUnixTimestamp64Milli(complete_to), 0) / 1000 AS age,
    r.stored AS `stored up to offset`,
    r.lost AS `lost offsets`
FROM ingest_freshness AS f FINAL
LEFT JOIN
(
    SELECT topic, partition, maxIf(next, kind != 'gap') AS stored, sumIf(next - first, kind = 'gap') AS lost
    FROM ingest_ranges
    WHERE (topic, topic_id) IN (SELECT topic, argMax(topic_id, at) FROM ingest_ranges GROUP BY topic)
    GROUP BY topic, partition
) AS r USING (topic, partition)
ORDER BY age DESC, topic, partition
LIMIT 500
