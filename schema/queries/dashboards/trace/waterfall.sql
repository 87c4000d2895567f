-- Spans that were kept, and calls, which always are, as a tree in the order of time. A span without a known parent is a root. They are read
-- once, into arrays in that order; a path is a span's place in it after those of its parents, the root first, and in a loop, which has no root, its
-- place alone. Sums, bars and the order of rows are made of the arrays, in functions that name them, not the query that they come from: nearly
-- all that this costs is its analysis, and a function of a query's column is the dearer the larger the query (docs/adr/0044-spend-names-its-columns.md).
SELECT
    r.1 AS span,
    r.2 AS service,
    r.3 AS `starts after`,
    r.4 AS took,
    r.5 AS timeline,
    r.6 AS cost,
    r.7 AS `with children`,
    r.8 AS tokens,
    r.9 AS model,
    r.10 AS note
FROM
(
    SELECT arrayJoin(arrayMap((found, begins, lasts, costs, up, first, whole) ->
        arrayMap(paths ->
            arrayMap(sums ->
                arraySort(row -> row.11, arrayMap((e, began, ns, cost, path, k) -> (
                    concat(repeat('– ', length(path) - 1), e.1),
                    e.2,
                    (began - first) / 1e9,
                    ns / 1e9,
                    substringUTF8(concat(repeat('░', least(29, intDiv(30 * (began - first), whole))), repeat('█', greatest(1, intDiv(30 * ns, whole))), repeat('░', 30)), 1, 30),
                    cost,
                    sums.2[indexOf(sums.1, k)], -- what adds up to nothing isn't in sums
                    e.3, e.4, e.5,
                    (up[path[1]] > 0, path)), found, begins, lasts, costs, paths, arrayEnumerate(up))),
                [arrayReduce('sumMap', paths, arrayMap((p, c) -> arrayResize([c], length(p), c), paths, costs))])[1],
            [arrayMap((way, k) -> if(up[way[1]] = 0, way, [k]),
                arrayMap(k -> arrayFold((way, x) -> if(up[way[1]] > 0 AND length(way) <= 40, arrayPushFront(way, up[way[1]]), way), range(40), [k]), arrayEnumerate(up)),
                arrayEnumerate(up))])[1],
        [found], [begins], [lasts], [costs], [up], [first], [whole])[1]) AS r
    FROM
    (
        SELECT groupArray((told.5, told.4, tokens, model, note)) AS found, groupArray(told.2) AS begins, groupArray(told.3) AS lasts, groupArray(cost) AS costs,
            groupArray(span_id) AS ids, arrayMap(x -> toUInt32(indexOf(ids, x)), groupArray(told.1)) AS up, min(told.2) AS first, greatest(max(told.2 + told.3) - first, 1) AS whole
        FROM
        (
            -- a span tells of itself if it was kept, else its call does; of notes the gravest: a call without a price, the span's failure, the call's
            SELECT span_id, argMax((parent_, began_, ns_, service_, title_), kept) AS told, sum(cost_) AS cost, sum(tokens_) AS tokens, max(model_) AS model, argMax(note_, grave) AS note
            FROM
            (
                SELECT span_id, 1 AS kept, parent_span_id AS parent_, toUnixTimestamp64Nano(start) AS began_, toInt64(duration_ns) AS ns_, toString(service) AS service_,
                    toString(name) AS title_, toDecimal128(0, 12) AS cost_, toUInt64(0) AS tokens_, '' AS model_,
                    if(status IN ('', 'unset', 'Unset', 'STATUS_CODE_UNSET', 'Ok', 'STATUS_CODE_OK'), '', toString(status)) AS note_, if(note_ = '', 0, 2) AS grave
                FROM spans FINAL
                WHERE minute >= toDateTime($__fromTime, 'UTC') AND minute < toDateTime($__toTime, 'UTC') AND trace_id = $trace
                UNION ALL
                SELECT span_id, 0, parent_span_id, toUnixTimestamp64Nano(start), toInt64(duration_ns), toString(service), concat('call of ', model), toDecimal128(cost, 12),
                    fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output, toString(model),
                    if(unpriced != '', concat('unpriced: ', unpriced), toString(error_class)), multiIf(unpriced != '', 3, error_class != '', 1, 0)
                FROM $calls(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), trace_id = $trace)
            )
            GROUP BY span_id
            ORDER BY told.2, span_id
            LIMIT 2000
        )
    )
)
