-- What model servers said last of the calls that wait there, all together. A server that one collector heard after another
-- counts once.
SELECT if(count() = 0, 'not reported', toString(toUInt64(sum(newest)))) AS value
FROM
(
    SELECT labels, argMax(value, seen) AS newest
    FROM process_metrics
    WHERE name = 'tollkeeper_queue_depth' AND seen >= now('UTC') - INTERVAL 2 MINUTE
    GROUP BY labels
)
