SELECT part.1 AS name, part.2 AS spend
FROM
(
    SELECT arrayJoin([
        ('fresh input', sum(cost_input)), ('cache reads', sum(cost_cache_read)), ('cache writes', sum(cost_cache_write)),
        ('output', sum(cost_output)), ('reasoning', sum(cost_reasoning)), ('other', sum(cost_other))]) AS part
    FROM $by_model(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))
)
