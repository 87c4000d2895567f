SELECT $spent AS spend
FROM $by_tenant(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))
WHERE tenant = 'unattributed'
