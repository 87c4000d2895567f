SELECT if(count() = 0, 'not enough history', concat($usd(argMax(likely, at)), if(argMax(low, at) = argMax(high, at), ', no band yet', concat(' (', $usd(argMax(low, at)), ' to ', $usd(argMax(high, at)), ')')))) AS value
FROM forecasts
WHERE month = toStartOfMonth(toDate(now('UTC'))) AND tenant = '*'
