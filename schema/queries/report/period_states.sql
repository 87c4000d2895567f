-- How the months stand that touch [from, to), without what is the operator's.
SELECT month, toString(state), '', '', '0', toUInt64(0), toUInt64(0)
FROM period_states
WHERE month >= toStartOfMonth(toDate({from:DateTime('UTC')})) AND toDateTime(month, 'UTC') < {to:DateTime('UTC')}
ORDER BY month
