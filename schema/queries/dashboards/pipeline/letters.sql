SELECT labels['stream'] AS stream, labels['reason'] AS reason, toUInt64(sum(value)) AS records, max(seen) AS last
FROM process_metrics
WHERE name = 'tollkeeper_ingest_dead_letters_total' AND value > 0
  AND seen >= toDateTime($__fromTime, 'UTC') AND seen < toDateTime($__toTime, 'UTC')
GROUP BY stream, reason
ORDER BY records DESC, stream, reason
