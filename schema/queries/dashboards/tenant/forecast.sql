-- "At least" if calls of the month have no price: they aren't in what was spent, nor in what is foreseen of it.
SELECT if(count() = 0, 'not enough history', concat(
    if((SELECT sum(unpriced_calls) FROM $by_tenant(toDateTime(toStartOfMonth(now('UTC')), 'UTC'), now('UTC') + INTERVAL 1 HOUR) WHERE tenant = unhex(${tenant:singlequote})) > 0, 'at least ', ''),
    $usd(argMax(likely, at)), if(argMax(low, at) = argMax(high, at), ', no band yet', concat(' (', $usd(argMax(low, at)), ' to ', $usd(argMax(high, at)), ')')))) AS value
FROM forecasts
WHERE month = toStartOfMonth(toDate(now('UTC'))) AND tenant = unhex(${tenant:singlequote})
