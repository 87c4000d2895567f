-- The alerts processes of the last day: where each runs, how many microseconds ago it claimed the lead, and how many since it said that it lives.
SELECT holder, any(host) AS host_, dateDiff('microsecond', min(claimed), now64(6)) AS claimed_, dateDiff('microsecond', max(seen), now64(6)) AS seen_,
    max(gone) AS gone_
FROM alert_leads
GROUP BY holder
ORDER BY seen_, holder
LIMIT 1000
