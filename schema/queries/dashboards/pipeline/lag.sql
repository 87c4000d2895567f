SELECT if(count() = 0, 'not reported', concat(toString(toUInt64(sum(newest))), ' records')) AS value
FROM
(
    SELECT process, labels, argMax(value, seen) AS newest
    FROM process_metrics
    WHERE name = 'tollkeeper_ingest_lag' AND seen >= now('UTC') - INTERVAL 2 MINUTE
    GROUP BY process, labels
)
