-- Whether the months that the range touches are closed.
WITH
    arrayMap(i -> toDate(addMonths(toStartOfMonth(toDateTime($__fromTime, 'UTC')), i)),
        range(toUInt64(dateDiff('month', toStartOfMonth(toDateTime($__fromTime, 'UTC')), toDateTime($__toTime, 'UTC') - 1) + 1))) AS months,
    (SELECT groupArray(month) FROM periods_now WHERE state = 'closed') AS closed
SELECT multiIf(hasAll(closed, months), 'final', hasAny(closed, months), 'partly final', 'open, may change') AS value
