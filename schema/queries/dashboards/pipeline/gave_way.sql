SELECT count() AS value
FROM settlements FINAL
WHERE loses = 1 AND minute >= toDateTime($__fromTime, 'UTC') AND minute < toDateTime($__toTime, 'UTC')
