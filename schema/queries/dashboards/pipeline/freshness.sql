SELECT if(count() = 0, 'not reported', if(min(complete_to) < toDateTime64('1971-01-01 00:00:00', 3, 'UTC'), 'never yet',
    $age(greatest(toUnixTimestamp64Milli(now64(3)) - toUnixTimestamp64Milli(min(complete_to)), 0) / 1000))) AS value
FROM ledger_complete
