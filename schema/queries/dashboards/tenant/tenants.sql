SELECT DISTINCT tenant FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC')) ORDER BY tenant
