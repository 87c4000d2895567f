SELECT if(sum(fresh_input + cache_read + cache_write_5m + cache_write_1h) = 0, NULL,
    sum(cache_read) / sum(fresh_input + cache_read + cache_write_5m + cache_write_1h) * 100) AS value
FROM $by_model(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))
