SELECT if(countIf(name LIKE 'tollkeeper\_ingest\_%') = 0, 'not reported', toString(toUInt64(sumIf(value, name = 'tollkeeper_ingest_dead_letters_total')))) AS value
FROM process_metrics
WHERE seen >= toDateTime($__fromTime, 'UTC') AND seen < toDateTime($__toTime, 'UTC')
