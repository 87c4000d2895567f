-- The data source takes the first column as a choice's value and the second as its text. The value is the name's hex, so
-- that no name, whatever characters it has, changes a query that it is put into.
SELECT DISTINCT hex(tenant) AS id, tenant
FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
ORDER BY tenant
